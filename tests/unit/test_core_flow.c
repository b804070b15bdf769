/* Back-pressure: slow readers on both sides, bounded memory, nothing dropped, nobody else disturbed. */
#include "tests/sim/core_fixture.h"

#include <stdlib.h>

enum { BIG = 100 * 1000 };

static char big[BIG + 1];

/* Made by c, in memory or in the ensemble. */
static void make_big_znode(const char *path)
{
    memset(big, 'x', BIG);
    wire_create(&b, 1, M "/t", "");
    wire_create(&b, 2, path, big);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    sim_expect(&s, c, 2, PK_Z_OK, NULL);
}

/* 500 reads of 100 kB by somebody who does not read: neither copies nor entries pile up, and all come in the
 * end. */
static void slow_reader(const char *path, bool local)
{
    make_big_znode(path);
    size_t before = s.mem.bytes;
    struct sim_frame f;
    s.conns[c].client.taking = SIM_NOTHING;
    for (int i = 0; i < 500; i++)
        wire_read(&b, 10 + i, PK_OP_GET_DATA, path, false);
    sim_go(&s, c, &b);
    assert_true(s.mem.bytes - before < 256 * 1024 + 3 * BIG + 200 * 1024);
    if (!local)
        assert_false(s.conns[c].uplink.reading);
    wire_set(&b, 1, path, "short", -1);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    s.conns[c].client.taking = SIM_PARTS;
    for (int i = 0; i < 500; i++) {
        for (int k = 0; k < 100 && !sim_frame(&s, c, &f); k++)
            sim_pump(&s);
        assert_int_equal(f.xid, 10 + i);
        assert_int_equal(f.err, PK_Z_OK);
        if (local && sim_stat(&f).version > 0)
            sim_expect_data(&f, "short");
        else
            sim_expect_data(&f, big);
    }
    sim_expect_data(&f, local ? "short" : big);
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
    make_big_znode("/storm/big");
    size_t before = s.mem.bytes;
    s.chunk = 1000;
    wire_read(&b, 5, PK_OP_GET_DATA, "/storm/big", false);
    s.conns[c].deaf = true;
    sim_go(&s, c, &b);
    struct sim_side *side = &s.conns[c].uplink;
    while (side->off < side->todo.len) {
        size_t n = side->todo.len - side->off < 1000 ? side->todo.len - side->off : 1000;
        sim_step(&s, c, PK_UPLINK_BYTES, side->todo.p + side->off, n);
        side->off += n;
        assert_true(s.mem.bytes - before < 5000);
    }
    sim_expect(&s, c, 5, PK_Z_OK, NULL);
}

/* The ensemble does not read: the client is not read either, and nothing is lost. */
static void slow_ensemble(void **state)
{
    (void)state;
    make_big_znode(M "/t/w");
    size_t before = s.mem.bytes;
    struct sim_frame f;
    s.conns[c].uplink.taking = SIM_NOTHING;
    for (int i = 0; i < 60; i++)
        wire_set(&b, 10 + i, "/storm/workerbeats", big, -1);
    s.chunk = 20000;
    sim_go(&s, c, &b);
    assert_false(s.conns[c].client.reading);
    assert_true(s.mem.bytes - before < 256 * 1024 + 4 * BIG + 200 * 1024);
    assert_false(sim_frame(&s, c, &f));
    s.conns[c].uplink.taking = SIM_WHOLE;
    sim_pump(&s);
    for (int i = 0; i < 60; i++)
        sim_expect(&s, c, 10 + i, PK_Z_OK, NULL);
}

/* Many small requests that nobody answers: the queue has a bound, and so has the memory. */
static void deep_queue(void **state)
{
    (void)state;
    s.conns[c].hold = true;
    size_t before = s.mem.bytes;
    for (int i = 0; i < 30000; i++)
        wire_read(&b, 10 + i, PK_OP_EXISTS, i % 2 ? "/storm" : M "/none", false);
    s.chunk = 30000;
    sim_go(&s, c, &b);
    assert_false(s.conns[c].client.reading);
    assert_true(s.mem.bytes - before < 3 * 1024 * 1024);
    assert_true(s.conns[c].client.todo.len - s.conns[c].client.off > 100 * 1024);
    s.conns[c].hold = false;
    sim_pump(&s);
    for (int i = 0; i < 30000; i++)
        sim_expect(&s, c, 10 + i, i % 2 ? PK_Z_OK : PK_Z_NO_NODE, NULL);
}

/* Answers that had to wait for an earlier one have a bound. */
static void parked_too_much(void **state)
{
    (void)state;
    s.conns[c].hold = true;
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    for (int i = 0; i < 2000; i++)
        wire_auth(&b, PK_XID_AUTH);
    sim_go(&s, c, &b);
    assert_false(s.conns[c].closed);
    for (int i = 0; i < 3000; i++)
        wire_auth(&b, PK_XID_AUTH);
    sim_go(&s, c, &b);
    sim_expect_closed(&s, c, PK_CLOSE_PARKED_TOO_MUCH);
}

/* Whoever is closed while he does not read is waited for some seconds only. */
static void lingers(void **state)
{
    (void)state;
    make_big_znode(M "/t/w");
    s.conns[c].client.taking = SIM_NOTHING;
    wire_read(&b, 10, PK_OP_GET_DATA, M "/t/w", false);
    wire_op(&b, 11, PK_OP_CLOSE_SESSION);
    sim_go(&s, c, &b);
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
    make_big_znode(M "/t/w");
    struct sim_frame f;
    s.conns[c].client.taking = SIM_PARTS;
    for (int i = 0; i < 200; i++) {
        wire_read(&b, i, PK_OP_GET_DATA, M "/t/w", false);
        sim_send(&s, c, &b);
        sup_buf_reset(&b);
        memset(big, 'a' + i % 26, BIG);
        wire_set(&b, i, M "/t/w", big, -1);
        sim_go(&s, other, &b);
        sim_expect(&s, other, i, PK_Z_OK, &f);
        while (sim_frame(&s, c, &f)) {
            assert_int_equal(f.len, 4 + BIG + PK_STAT_LEN);
            for (size_t at = 5; at < 4 + BIG; at++)
                assert_int_equal(f.body[at], f.body[4]);
        }
    }
}

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
