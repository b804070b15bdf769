/*
 * Sides over loopback, plain and TLS: much in both directions through small sockets, closing, and who speaks otherwise.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/transport/side.h"
#include "tests/lib/certs.h"
#include "tests/lib/support.h"

enum { SERVER, CLIENT, MUCH = 3000000, SOCKET_BUFFER = 4096 };

struct end {
    struct pk_side side;
    struct sup_buf out, heard;
    size_t sent;
    bool client, opened, ended, closed, all_written;
    char why[PK_TLS_TEXT]; /* what was wrong */
};

static struct pk_loop loop;
static struct end ends[2];
static struct pk_tls_context *contexts[2];

static void written(uv_write_t *request, int status);

/* As the pump does: what was not taken is offered again until a write is under way. */
static void write_out(struct end *e)
{
    while (e->opened && e->sent < e->out.len) {
        size_t left = e->out.len - e->sent;
        struct pk_iov iov[2] = {{e->out.p + e->sent, left / 2},
                                {e->out.p + e->sent + left / 2, left - left / 2}};
        int64_t n = pk_side_write(&e->side, iov, 2, written);
        if (n < 0)
            return;
        e->sent += (size_t)n;
    }
}

static void written(uv_write_t *request, int status)
{
    struct end *e = request->handle->data;
    int64_t n = pk_side_written(&e->side, status);
    if (n < 0)
        return;
    e->sent += (size_t)n;
    write_out(e);
}

static void alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    *buf = pk_side_room(&((struct end *)handle->data)->side, &loop);
}

static void closed(uv_handle_t *handle)
{
    struct end *e = handle->data;
    pk_side_closed(&e->side);
    e->closed = true;
}

static void bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct end *e = stream->data;
    if (n == 0 || n == UV_ENOBUFS)
        return;
    struct pk_received r = pk_side_received(&e->side, &loop, n, buf->base, written);
    sup_raw(&e->heard, r.bytes, r.n);
    if (r.opened) {
        pk_side_opened(&e->side);
        e->opened = true;
        write_out(e);
    }
    if (r.ended) {
        e->ended = true;
        snprintf(e->why, sizeof e->why, "%s", r.why != NULL ? r.why : "");
        pk_side_ended(&e->side);
        pk_side_close(&e->side, closed);
    }
}

static void small(int fd, int option)
{
    int size = SOCKET_BUFFER;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, option, &size, sizeof size), 0);
}

static void begin_end(int which, int fd, bool tls)
{
    struct end *e = &ends[which];
    small(fd, SO_SNDBUF);
    pk_side_begin(&e->side, &loop.uv, e, PK_SIDE_OPENING);
    assert_int_equal(uv_tcp_open(&e->side.tcp, fd), 0);
    e->opened = !tls;
    if (tls)
        assert_true(pk_side_secure(&e->side, contexts[which], which == CLIENT ? "localhost" : NULL, written));
    else
        pk_side_opened(&e->side);
    assert_true(pk_side_listen(&e->side, alloc, bytes));
}

static void begin(bool server_tls, bool client_tls)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, len) + listen(listener, 1), 0);
    small(listener, SO_RCVBUF);
    small(fd, SO_RCVBUF);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, len), 0);
    int accepted = accept(listener, NULL, NULL);
    close(listener);
    memset(ends, 0, sizeof ends);
    begin_end(SERVER, accepted, server_tls);
    begin_end(CLIENT, fd, client_tls);
}

static void end(void)
{
    for (int i = 0; i < 2; i++)
        pk_side_close(&ends[i].side, closed);
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    for (int i = 0; i < 2; i++) {
        assert_true(ends[i].closed);
        sup_buf_free(&ends[i].out);
        sup_buf_free(&ends[i].heard);
    }
}

static void run_until(const bool *flag)
{
    for (int i = 0; i < 100000 && !*flag; i++)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_true(*flag);
}

static void run_until_heard(int who, size_t len)
{
    for (int i = 0; i < 100000 && ends[who].heard.len < len && !ends[who].ended; i++)
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(ends[who].heard.len, len);
}

static void fill(int who, uint64_t seed)
{
    struct sup_rng rng = {seed};
    for (size_t i = 0; i < MUCH / 8; i++)
        sup_long(&ends[who].out, (int64_t)sup_rand(&rng));
}

static void much_in_both_directions(bool tls)
{
    begin(tls, tls);
    fill(SERVER, 1);
    fill(CLIENT, 2);
    write_out(&ends[SERVER]);
    write_out(&ends[CLIENT]);
    run_until_heard(SERVER, MUCH);
    run_until_heard(CLIENT, MUCH);
    for (int i = 0; i < 2; i++)
        assert_memory_equal(ends[i].heard.p, ends[!i].out.p, MUCH);
    assert_int_equal(ends[SERVER].sent, MUCH);
    /* All that was said is heard before the end. */
    pk_side_close(&ends[SERVER].side, closed);
    run_until(&ends[CLIENT].ended);
    assert_string_equal(ends[CLIENT].why, "");
    end();
}

static void plain(void **state)
{
    (void)state;
    much_in_both_directions(false);
}

static void tls(void **state)
{
    (void)state;
    much_in_both_directions(true);
}

static void answered(uv_write_t *request, int status)
{
    struct end *e = request->handle->data;
    (void)pk_side_written(&e->side, status);
    e->all_written = true;
    pk_side_close(&e->side, closed);
}

/* A four-letter word's answer, longer than one record, is out before its connection closes. */
static void one_answer_and_the_end(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        begin(tls, tls);
        run_until(&ends[SERVER].opened);
        fill(SERVER, 3);
        assert_true(pk_side_write_all(&ends[SERVER].side, (char *)ends[SERVER].out.p, 200000, answered));
        run_until(&ends[CLIENT].ended);
        assert_true(ends[SERVER].all_written);
        assert_int_equal(ends[CLIENT].heard.len, 200000);
        assert_memory_equal(ends[CLIENT].heard.p, ends[SERVER].out.p, 200000);
        end();
    }
}

/* With a write under way. */
static void closed_in_the_middle(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        begin(tls, tls);
        run_until(&ends[SERVER].opened);
        fill(SERVER, 4);
        write_out(&ends[SERVER]);
        assert_true(ends[SERVER].sent < MUCH);
        pk_side_close(&ends[SERVER].side, closed);
        run_until(&ends[CLIENT].ended);
        end();
    }
}

static void the_other_speaks_otherwise(void **state)
{
    (void)state;
    begin(true, false);
    sup_raw(&ends[CLIENT].out, "\0\0\0-0123456789", 14);
    write_out(&ends[CLIENT]);
    run_until(&ends[SERVER].ended);
    assert_non_null(strstr(ends[SERVER].why, "does not speak TLS"));
    end();
    begin(false, true);
    run_until_heard(SERVER, ends[SERVER].heard.len > 0 ? ends[SERVER].heard.len : 0);
    sup_raw(&ends[SERVER].out, "no TLS here", 11);
    write_out(&ends[SERVER]);
    run_until(&ends[CLIENT].ended);
    assert_non_null(strstr(ends[CLIENT].why, "plain port"));
    end();
}

static void count_open(uv_handle_t *handle, void *counts)
{
    const struct end *e = handle->data;
    ((int *)counts)[e->client] += e->opened;
}

static void close_end(uv_handle_t *handle, void *unused)
{
    struct end *e = handle->data;
    (void)unused;
    pk_side_close(&e->side, closed);
}

static void shake_with(struct end *e, int which, int fd)
{
    e->client = which == CLIENT;
    pk_side_begin(&e->side, &loop.uv, e, PK_SIDE_OPENING);
    assert_int_equal(uv_tcp_open(&e->side.tcp, fd), 0);
    assert_true(pk_side_secure(&e->side, contexts[which], which == CLIENT ? "localhost" : NULL, written));
    assert_true(pk_side_listen(&e->side, alloc, bytes));
}

/* However many handshakes come at once, one round of the loop carries on some, and a later one the rest. */
static void many_handshakes_leave_time_for_others(void **state)
{
    enum { PAIRS = 200 };
    struct end *all = calloc(2 * PAIRS, sizeof *all);
    int open[2] = {0, 0}, longest = 0;
    (void)state;
    assert_non_null(all);
    for (int i = 0; i < PAIRS; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        shake_with(&all[2 * i], SERVER, fds[SERVER]);
        shake_with(&all[2 * i + 1], CLIENT, fds[CLIENT]);
    }
    for (int i = 0; i < 100000 && (open[SERVER] < PAIRS || open[CLIENT] < PAIRS); i++) {
        int before = open[CLIENT];
        uv_run(&loop.uv, UV_RUN_ONCE);
        open[SERVER] = open[CLIENT] = 0;
        uv_walk(&loop.uv, count_open, open);
        longest = open[CLIENT] - before > longest ? open[CLIENT] - before : longest;
    }
    assert_int_equal(open[SERVER] + open[CLIENT], 2 * PAIRS);
    assert_in_range(longest, 1, PAIRS / 2);
    uv_walk(&loop.uv, close_end, NULL);
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    free(all);
}

static int setup(void **state)
{
    char why[PK_TLS_TEXT];
    (void)state;
    assert_int_equal(pk_loop_init(&loop), PK_OK);
    certs_make();
    certs_sign("server", "ca", "/CN=server", "DNS:localhost", 30);
    struct pk_tls_settings server = certs_settings(true, "server", "ca.pem"),
                           client = certs_settings(false, NULL, "ca.pem");
    contexts[SERVER] = certs_context(&server, why);
    contexts[CLIENT] = certs_context(&client, why);
    return contexts[SERVER] == NULL || contexts[CLIENT] == NULL;
}

static int teardown(void **state)
{
    (void)state;
    pk_tls_context_drop(contexts[SERVER]);
    pk_tls_context_drop(contexts[CLIENT]);
    certs_remove();
    free(loop.buffer);
    free(loop.plain);
    return uv_loop_close(&loop.uv);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* the last words of who closes second */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(tls),
        cmocka_unit_test(one_answer_and_the_end),
        cmocka_unit_test(closed_in_the_middle),
        cmocka_unit_test(the_other_speaks_otherwise),
        cmocka_unit_test(many_handshakes_leave_time_for_others),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
