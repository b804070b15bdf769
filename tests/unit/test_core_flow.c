/* Back-pressure: slow readers on both sides, bounded memory, nothing dropped, nobody else disturbed. */
#include "tests/sim/steps.h"
#include "tests/sim/wire.h"

#include <stdlib.h>

#define M "/storm/workerbeats"

enum { BIG = 100 * 1000 };

static struct sim s;
static struct sup_buf b;
static char big[BIG + 1];

static int setup(void **state)
{
    (void)state;
    sim_init(&s, NULL);
    memset(big, 'x', BIG);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sup_buf_free(&b);
    sim_free(&s);
    return 0;
}

static int client_with_big_znode(const char *path)
{
    int c = sim_connect(&s, 10000);
    sup_buf_reset(&b);
    wire_create(&b, 1, 1, M "/t", "", 0);
    wire_create(&b, 2, 1, path, big, 0);
    sim_send(&s, c, &b);
    sim_pump(&s);
    sim_expect(&s, c, 1, 0, NULL);
    sim_expect(&s, c, 2, 0, NULL);
    sup_buf_reset(&b);
    return c;
}

/* 500 reads of 100 kB by somebody who does not read: neither copies nor entries pile up, and all come in the
 * end. */
static void slow_reader(const char *path, bool local)
{
    int c = client_with_big_znode(path), other = sim_connect(&s, 10000);
    size_t before = s.mem.bytes;
    struct sim_frame f;
    s.conns[c].client.taking = SIM_NOTHING;
    for (int i = 0; i < 500; i++)
        wire_read(&b, 10 + i, 4, path, false);
    sim_send(&s, c, &b);
    sim_pump(&s);
    assert_true(s.mem.bytes - before < 256 * 1024 + 3 * BIG + 200 * 1024);
    if (!local)
        assert_false(s.conns[c].uplink.reading);
    sup_buf_reset(&b);
    wire_set(&b, 1, path, "short", -1);
    sim_call(&s, other, &b, 0, &f);
    s.conns[c].client.taking = SIM_PARTS;
    for (int i = 0; i < 500; i++) {
        for (int k = 0; k < 100 && !sim_frame(&s, c, &f); k++)
            sim_pump(&s);
        assert_int_equal(f.xid, 10 + i);
        assert_int_equal(f.err, 0);
        for (size_t at = 4; at + 68 < f.len; at++)
            assert_true(f.body[at] == 'x' || f.len == 4 + 5 + 68);
    }
    assert_int_equal(f.len, local ? 4 + 5 + 68 : 4 + BIG + 68);
}

static void slow_reader_of_memory(void **state)
{
    (void)state;
    slow_reader(M "/t/w", true);
}

static void slow_reader_of_the_ensemble(void **state)
{
    (void)state;
    slow_reader("/storm/big", false);
}

/* A relayed reply is not held whole. */
static void streams_through(void **state)
{
    (void)state;
    int c = client_with_big_znode("/storm/big");
    size_t before = s.mem.bytes;
    s.chunk = 1000;
    wire_read(&b, 5, 4, "/storm/big", false);
    s.conns[c].deaf = true;
    sim_send(&s, c, &b);
    sim_pump(&s);
    struct sim_side *side = &s.conns[c].uplink;
    while (side->off < side->todo.len) {
        size_t n = side->todo.len - side->off < 1000 ? side->todo.len - side->off : 1000;
        sim_step(&s, c, PK_UPLINK_BYTES, side->todo.p + side->off, n);
        side->off += n;
        assert_true(s.mem.bytes - before < 5000);
    }
    sim_expect(&s, c, 5, 0, NULL);
}

/* The ensemble does not read: the client is not read either, and nothing is lost. */
static void slow_ensemble(void **state)
{
    (void)state;
    int c = client_with_big_znode(M "/t/w");
    size_t before = s.mem.bytes;
    struct sim_frame f;
    s.conns[c].uplink.taking = SIM_NOTHING;
    for (int i = 0; i < 60; i++)
        wire_set(&b, 10 + i, "/storm/workerbeats", big, -1);
    s.chunk = 20000;
    sim_send(&s, c, &b);
    sim_pump(&s);
    assert_false(s.conns[c].client.reading);
    assert_true(s.mem.bytes - before < 256 * 1024 + 4 * BIG + 200 * 1024);
    assert_false(sim_frame(&s, c, &f));
    s.conns[c].uplink.taking = SIM_WHOLE;
    sim_pump(&s);
    for (int i = 0; i < 60; i++)
        sim_expect(&s, c, 10 + i, 0, NULL);
}

/* Many small requests that nobody answers: the queue has a bound, and so has the memory. */
static void deep_queue(void **state)
{
    (void)state;
    int c = sim_connect(&s, 10000);
    s.conns[c].hold = true;
    size_t before = s.mem.bytes;
    for (int i = 0; i < 30000; i++)
        wire_read(&b, 10 + i, 3, i % 2 ? "/storm" : M "/none", false);
    s.chunk = 30000;
    sim_send(&s, c, &b);
    sim_pump(&s);
    assert_false(s.conns[c].client.reading);
    assert_true(s.mem.bytes - before < 3 * 1024 * 1024);
    assert_true(s.conns[c].client.todo.len - s.conns[c].client.off > 100 * 1024);
    s.conns[c].hold = false;
    sim_pump(&s);
    for (int i = 0; i < 30000; i++)
        sim_expect(&s, c, 10 + i, i % 2 ? 0 : -101, NULL);
}

/* Answers that had to wait for an earlier one have a bound. */
static void parked_too_much(void **state)
{
    (void)state;
    int c = sim_connect(&s, 10000);
    s.conns[c].hold = true;
    wire_read(&b, 1, 3, "/storm", false);
    for (int i = 0; i < 2000; i++)
        wire_auth(&b, -4);
    sim_send(&s, c, &b);
    sim_pump(&s);
    assert_false(s.conns[c].closed);
    sup_buf_reset(&b);
    for (int i = 0; i < 3000; i++)
        wire_auth(&b, -4);
    sim_send(&s, c, &b);
    sim_pump(&s);
    assert_true(s.conns[c].closed);
    assert_int_equal(s.conns[c].why, PK_CLOSE_PARKED_TOO_MUCH);
}

/* Whoever is closed while he does not read is waited for some seconds only. */
static void lingers(void **state)
{
    (void)state;
    int c = client_with_big_znode(M "/t/w");
    s.conns[c].client.taking = SIM_NOTHING;
    wire_read(&b, 10, 4, M "/t/w", false);
    wire_op(&b, 11, -11);
    sim_send(&s, c, &b);
    sim_pump(&s);
    assert_false(s.conns[c].closed);
    sim_advance(&s, 2000000);
    assert_false(s.conns[c].closed);
    sim_advance(&s, 10000000);
    assert_true(s.conns[c].closed);
}

/* A reader whose old bytes are still being sent never sees the new ones (nor half of each). */
static void no_torn_reads(void **state)
{
    (void)state;
    int c = client_with_big_znode(M "/t/w"), writer = sim_connect(&s, 10000);
    struct sim_frame f;
    s.conns[c].client.taking = SIM_PARTS;
    for (int i = 0; i < 200; i++) {
        sup_buf_reset(&b);
        wire_read(&b, i, 4, M "/t/w", false);
        sim_send(&s, c, &b);
        sup_buf_reset(&b);
        memset(big, 'a' + i % 26, BIG);
        wire_set(&b, i, M "/t/w", big, -1);
        sim_send(&s, writer, &b);
        sim_pump(&s);
        sim_expect(&s, writer, i, 0, &f);
        while (sim_frame(&s, c, &f)) {
            assert_int_equal(f.len, 4 + BIG + 68);
            for (size_t at = 5; at < 4 + BIG; at++)
                assert_int_equal(f.body[at], f.body[4]);
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(slow_reader_of_memory),
        CASE(slow_reader_of_the_ensemble),
        CASE(streams_through),
        CASE(slow_ensemble),
        CASE(deep_queue),
        CASE(parked_too_much),
        CASE(lingers),
        CASE(no_torn_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
