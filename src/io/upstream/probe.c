/*
 * srvr. Happy path: connect, with TLS where that is configured, send the word, read until the server closes, report the
 * text. Failure modes: no connection, or none that TLS allows; silence until the time is over; an answer that is longer
 * than any server's (cut); one that is no text, because it is TLS and none was expected.
 */
#include "io/upstream/probe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/config.h"

/* The types of the records with which a server answers who does not speak TLS. */
enum { ALERT = 0x15, HANDSHAKE = 0x16 };

struct pk_probe {
    struct pk_loop *loop;
    pk_probe_done *done; /* NULL: cancelled or reported */
    void *owner;
    struct pk_list list; /* of those that run */
    struct pk_side side;
    uv_timer_t timer;
    const char *name; /* the server's, for its certificate */
    int handles;      /* not closed yet */
    int64_t begun_us, timeout_ms;
    size_t len;
    char text[2048];
};

static void closed(struct pk_probe *probe)
{
    if (--probe->handles == 0)
        free(probe);
}

static void timer_closed(uv_handle_t *handle)
{
    closed(handle->data);
}

static void side_closed(uv_handle_t *handle)
{
    struct pk_probe *probe = handle->data;
    pk_side_closed(&probe->side);
    closed(probe);
}

static void end(struct pk_probe *probe)
{
    probe->done = NULL;
    pk_list_del(&probe->list);
    pk_side_close(&probe->side, side_closed);
    uv_close((uv_handle_t *)&probe->timer, timer_closed);
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
    *buf = uv_buf_init((char *)probe->loop->buffer, PK_READ_BUFFER);
}

static void written(uv_write_t *request, int status)
{
    struct pk_probe *probe = request->handle->data;
    (void)pk_side_written(&probe->side, status);
}

/* The connection is at its end. */
static void report_all(struct pk_probe *probe, const char *why)
{
    bool opening = probe->side.state == PK_SIDE_OPENING;
    const char first = probe->text[0];
    probe->text[probe->len] = '\0';
    if (why != NULL)
        report(probe, PK_PROBE_FAILED, why);
    else if (opening)
        report(probe, PK_PROBE_FAILED, "it closes connections that begin with TLS: this is its plain port");
    else if (probe->side.tls == NULL && probe->len > 0 && (first == ALERT || first == HANDSHAKE))
        report(probe, PK_PROBE_FAILED,
               "it answers with TLS: this is its secureClientPort (section upstream-tls)");
    else
        report(probe, probe->len > 0 ? PK_PROBE_TEXT : PK_PROBE_CLOSED, probe->text);
}

/* False, and reported, when the word cannot be sent. */
static bool ask(struct pk_probe *probe)
{
    static const struct pk_iov word = {"srvr", 4};
    if (pk_side_write(&probe->side, &word, 1, written) == 4)
        return true;
    report(probe, PK_PROBE_CLOSED, "");
    return false;
}

static void bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct pk_probe *probe = stream->data;
    if (n == 0)
        return;
    struct pk_received r = pk_side_received(&probe->side, probe->loop, n, buf->base, written);
    size_t room = sizeof probe->text - 1 - probe->len;
    size_t some = r.n < room ? r.n : room;
    if (some > 0)
        memcpy(probe->text + probe->len, r.bytes, some);
    probe->len += some;
    if (r.opened) {
        pk_side_opened(&probe->side);
        if (!r.ended && !ask(probe))
            return;
    }
    if (r.ended || probe->len == sizeof probe->text - 1)
        report_all(probe, r.why);
}

static uint64_t patience_ms(const struct pk_probe *probe)
{
    return (uint64_t)probe->timeout_ms;
}

static void late(uv_timer_t *timer)
{
    struct pk_probe *probe = timer->data;
    if (probe->side.state == PK_SIDE_OPENING)
        report(probe, PK_PROBE_FAILED, "the handshake of TLS was not done in time");
    else
        report(probe, probe->side.state == PK_SIDE_OPEN ? PK_PROBE_SILENT : PK_PROBE_FAILED,
               "no connection in time");
}

static void connected(uv_connect_t *request, int status)
{
    struct pk_probe *probe = request->handle->data;
    pk_side_tried(&probe->side);
    if (probe->done == NULL)
        return;
    if (status < 0) {
        bool closed_at_once = status == UV_EPIPE || status == UV_ECONNRESET;
        report(probe, closed_at_once ? PK_PROBE_CLOSED : PK_PROBE_FAILED, uv_strerror(status));
        return;
    }
    struct pk_tls_context *tls = probe->loop->config->upstream_tls;
    if (tls != NULL)
        uv_timer_start(&probe->timer, late, patience_ms(probe) * PK_TLS_PATIENCE, 0);
    if (tls != NULL && !pk_side_secure(&probe->side, tls, probe->name, written)) {
        report(probe, PK_PROBE_FAILED, "memory is short");
        return;
    }
    if (tls == NULL)
        pk_side_opened(&probe->side);
    if (tls == NULL && !ask(probe))
        return;
    if (!pk_side_listen(&probe->side, alloc, bytes))
        report(probe, PK_PROBE_CLOSED, "");
}

bool pk_probe_start(struct pk_loop *loop, const struct sockaddr *address, const char *name,
                    int64_t timeout_ms, pk_probe_done *done, void *owner, struct pk_list *running)
{
    struct pk_probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL)
        return false;
    probe->loop = loop;
    probe->done = done;
    probe->owner = owner;
    probe->begun_us = pk_loop_now();
    probe->name = name;
    probe->timeout_ms = timeout_ms;
    pk_list_init(&probe->list);
    pk_side_begin(&probe->side, &loop->uv, probe, PK_SIDE_CONNECTING);
    uv_timer_init(&loop->uv, &probe->timer);
    probe->timer.data = probe;
    probe->handles = 2;
    if (pk_side_connect(&probe->side, address, connected) != 0) {
        end(probe);
        return false;
    }
    pk_list_add_tail(running, &probe->list);
    uv_update_time(&loop->uv);
    uv_timer_start(&probe->timer, late, patience_ms(probe), 0);
    return true;
}

bool pk_probe_cancel(struct pk_list *running)
{
    if (pk_list_empty(running))
        return false;
    end(PK_CONTAINER(running->next, struct pk_probe, list));
    return true;
}
