/*
 * srvr. Happy path: connect, send the word, read until the server closes, report the text. Failure modes: no
 * connection, silence until the time is over, an answer that is longer than any server's (cut).
 */
#include "io/upstream/probe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct pk_probe {
    pk_probe_done *done; /* NULL: cancelled or reported */
    void *owner;
    struct pk_list list; /* of those that run */
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    int handles; /* not closed yet */
    bool connected;
    int64_t begun_us;
    size_t len;
    char text[2048];
};

static void closed(uv_handle_t *handle)
{
    struct pk_probe *probe = handle->data;
    if (--probe->handles == 0)
        free(probe);
}

static void end(struct pk_probe *probe)
{
    probe->done = NULL;
    pk_list_del(&probe->list);
    uv_close((uv_handle_t *)&probe->tcp, closed);
    uv_close((uv_handle_t *)&probe->timer, closed);
}

static void report(struct pk_probe *probe, enum pk_probe_result result, const char *text)
{
    pk_probe_done *done = probe->done;
    end(probe);
    done(probe->owner, result, text, probe->begun_us);
}

static void alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct pk_probe *probe = handle->data;
    (void)suggested;
    *buf = uv_buf_init(probe->text + probe->len, (unsigned)(sizeof probe->text - 1 - probe->len));
}

static void bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct pk_probe *probe = stream->data;
    (void)buf;
    if (n > 0)
        probe->len += (size_t)n;
    if (n >= 0 && probe->len < sizeof probe->text - 1)
        return;
    probe->text[probe->len] = '\0';
    report(probe, probe->len > 0 ? PK_PROBE_TEXT : PK_PROBE_CLOSED, probe->text);
}

static void connected(uv_connect_t *request, int status)
{
    struct pk_probe *probe = request->handle->data;
    uv_buf_t word = uv_buf_init((char *)(uintptr_t) "srvr", 4);
    if (probe->done == NULL)
        return;
    if (status < 0) {
        bool closed_at_once = status == UV_EPIPE || status == UV_ECONNRESET;
        report(probe, closed_at_once ? PK_PROBE_CLOSED : PK_PROBE_FAILED, uv_strerror(status));
        return;
    }
    probe->connected = true;
    if (uv_try_write((uv_stream_t *)&probe->tcp, &word, 1) != 4 ||
        uv_read_start((uv_stream_t *)&probe->tcp, alloc, bytes) != 0)
        report(probe, PK_PROBE_CLOSED, "");
}

static void late(uv_timer_t *timer)
{
    struct pk_probe *probe = timer->data;
    report(probe, probe->connected ? PK_PROBE_SILENT : PK_PROBE_FAILED, "no connection in time");
}

bool pk_probe_start(uv_loop_t *loop, const struct sockaddr *address, int64_t timeout_ms, pk_probe_done *done,
                    void *owner, struct pk_list *running)
{
    struct pk_probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL)
        return false;
    probe->done = done;
    probe->owner = owner;
    probe->begun_us = (int64_t)(uv_hrtime() / 1000);
    pk_list_init(&probe->list);
    uv_tcp_init(loop, &probe->tcp);
    uv_timer_init(loop, &probe->timer);
    probe->tcp.data = probe->timer.data = probe;
    probe->handles = 2;
    if (uv_tcp_connect(&probe->connect, &probe->tcp, address, connected) != 0) {
        end(probe);
        return false;
    }
    pk_list_add_tail(running, &probe->list);
    uv_update_time(loop);
    uv_timer_start(&probe->timer, late, (uint64_t)timeout_ms, 0);
    return true;
}

bool pk_probe_cancel(struct pk_list *running)
{
    if (pk_list_empty(running))
        return false;
    end(PK_CONTAINER(running->next, struct pk_probe, list));
    return true;
}
