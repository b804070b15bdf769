/* Is a server lost? Its answers on real sockets, because what matters is which of them are under way together. */
#include <stdio.h>
#include <string.h>

#include "io/upstream/learn.h"
#include "io/upstream/verdict.h"
#include "upstream_fixture.h"

enum { ASKED_MOST = 4, WHILE_MS = 5000 };

/* The server: who has asked, in that order, and is not answered yet. */
static uv_tcp_t listener, asked[ASKED_MOST];
static int nasked;
static uint8_t buffer[PK_READ_BUFFER];
static struct waiter client;

static void accepted(uv_stream_t *stream, int status)
{
    assert_int_equal(status, 0);
    assert_in_range(nasked, 0, ASKED_MOST - 1);
    uv_tcp_init(stream->loop, &asked[nasked]);
    assert_int_equal(uv_accept(stream, (uv_stream_t *)&asked[nasked]), 0);
    nasked++;
}

static void settled(void *owner)
{
    (void)owner;
}

static void listen_here(void)
{
    struct pk_server *s = upstream->servers;
    int len = sizeof s->address;
    s->address.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uv_tcp_init(&loop.uv, &listener);
    assert_int_equal(uv_tcp_bind(&listener, &s->address.any, 0), 0);
    assert_int_equal(uv_tcp_getsockname(&listener, &s->address.any, &len), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&listener, ASKED_MOST, accepted), 0);
}

static int open_server(void **state)
{
    static struct pk_config patient = {.connect_timeout = WHILE_MS};
    open_upstream(state);
    loop.config = &patient;
    loop.buffer = buffer;
    pk_loop_clock(&loop);
    pk_verdicts_init(upstream);
    upstream->settled = settled;
    upstream->nservers = 1;
    nasked = 0;
    client = (struct waiter){0};
    pk_waiter_init(&client.wait, count);
    listen_here();
    return 0;
}

static int close_server(void **state)
{
    uv_close((uv_handle_t *)&listener, NULL);
    pk_verdicts_close(upstream);
    return close_upstream(state);
}

/* Lets the loop run until so many have asked in all. */
static void wait_asked(int n)
{
    while (nasked < n)
        uv_run(&loop.uv, UV_RUN_ONCE);
}

/* The server answers one of those, with what it had counted, and the answer has arrived. */
static void answer(int n, int received, const struct pk_list *running)
{
    char text[100];
    snprintf(text, sizeof text,
             "Zookeeper version: 3.8.0-1\nReceived: %d\nZxid: 0x200000001\nMode: follower\n", received);
    uv_buf_t buf = uv_buf_init(text, (unsigned)strlen(text));
    assert_int_equal(uv_try_write((uv_stream_t *)&asked[n], &buf, 1), buf.len);
    uv_close((uv_handle_t *)&asked[n], NULL);
    while (!pk_list_empty(running))
        uv_run(&loop.uv, UV_RUN_ONCE);
}

/* It had counted so many packets when it was asked for the first time, and has had a client since. */
static int64_t begin_with(int received)
{
    struct pk_server *s = upstream->servers;
    pk_server_probe(s);
    wait_asked(1);
    answer(0, received, &s->probes);
    uv_sleep(1);
    pk_loop_clock(&loop);
    return loop.now_us;
}

static void ask_whether_lost(void)
{
    pk_verdict_wait(upstream, 0, WHILE_MS, &client.wait);
}

/* It is asked by the way, then whether it is lost, and answers in that order: with 510 packets, and with so many. When
 * its client came. */
static int64_t asked_twice(int received)
{
    struct pk_server *s = upstream->servers;
    int64_t came_us = begin_with(500);
    pk_server_probe(s);
    wait_asked(2);
    ask_whether_lost();
    wait_asked(3);
    answer(1, 510, &s->probes);
    answer(2, received, &s->questions);
    assert_true(client.gone == 1 && client.away == 0);
    return came_us;
}

/* It was asked by the way just before it closed its connections, and that answer came in just after it was asked about
 * them: which of the two was the older nobody could say, so what it counts anew was not seen, and the client closed. */
static void what_was_asked_before_is_no_answer(void **state)
{
    (void)state;
    int64_t came_us = asked_twice(3);
    assert_true(pk_server_was_lost(upstream->servers, came_us, INT64_MAX));
}

/* The same, without an election in between. */
static void who_counts_on_has_let_somebody_go(void **state)
{
    (void)state;
    int64_t came_us = asked_twice(509);
    assert_false(pk_server_was_lost(upstream->servers, came_us, INT64_MAX));
}

/* What it was asked later, and answers first, does as well. */
static void what_was_asked_later_is_an_answer(void **state)
{
    struct pk_server *s = upstream->servers;
    (void)state;
    int64_t came_us = begin_with(500);
    ask_whether_lost();
    wait_asked(2);
    pk_server_probe(s);
    wait_asked(3);
    answer(2, 3, &s->probes);
    answer(1, 2, &s->questions);
    assert_true(client.gone == 1 && client.away == 0);
    assert_true(pk_server_was_lost(s, came_us, INT64_MAX));
}

#define SERVER(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER(what_was_asked_before_is_no_answer),
        SERVER(who_counts_on_has_let_somebody_go),
        SERVER(what_was_asked_later_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
