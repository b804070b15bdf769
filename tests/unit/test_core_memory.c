/*
 * Memory runs out at the n-th allocation of a rich script, for every n: once, and for good. The core stays consistent:
 * nothing is used after it was freed, nothing leaks, and other clients, or new ones, are served as if nothing had been.
 */
#include "tests/sim/steps.h"
#include "tests/sim/uplink.h"
#include "tests/sim/wire.h"

#define M "/storm/workerbeats"

static struct sim s;

/* First part: local creates, beats, reads, merges. Second: everything unusual. */
static void script(struct sup_buf *b, const char *big)
{
    int xid = 0;
    wire_create(b, ++xid, M "/t", "");
    wire_create_as(b, ++xid, PK_OP_CREATE2, PK_CREATE_PERSISTENT, M "/t/w", "one");
    wire_create(b, ++xid, M "/t/v", big);
    wire_set(b, ++xid, M "/t/w", "longer than before", -1);
    wire_read(b, ++xid, PK_OP_GET_DATA, "/storm", false);
    wire_read(b, ++xid, PK_OP_GET_DATA, M "/t/v", false);
    wire_set(b, ++xid, M "/t/v", "now short", -1);
    wire_read(b, ++xid, PK_OP_GET_CHILDREN2, M, false);
    wire_read(b, ++xid, PK_OP_GET_CHILDREN2, M "/t", false);
    wire_path(b, ++xid, PK_OP_GET_ACL, M "/t");
    wire_path(b, ++xid, PK_OP_GET_ALL_CHILDREN_NUMBER, M);
    wire_path(b, ++xid, PK_OP_GET_ALL_CHILDREN_NUMBER, "/storm");
    wire_auth(b, PK_XID_AUTH);
    wire_ping(b);
    wire_delete(b, ++xid, M "/t/v", -1);
    wire_read(b, ++xid, PK_OP_GET_DATA, "/zookeeper/config", false);
    size_t reads = wire_multi(b, ++xid, PK_OP_MULTI_READ);
    wire_multi_read(b, PK_OP_GET_DATA, "/zookeeper/config");
    wire_multi_end(b, reads);
    wire_read(b, ++xid, PK_OP_GET_DATA, M "/t/w", true);
    wire_set(b, ++xid, M "/t/w", "seen", -1);
    wire_create(b, ++xid, M "/u", "");
    wire_create_as(b, ++xid, PK_OP_CREATE, PK_CREATE_EPHEMERAL, M "/u/e", "");
    wire_create_as(b, ++xid, PK_OP_CREATE, PK_CREATE_SEQUENTIAL, M "/u/s-", "");
    wire_create(b, ++xid, M "/x", "");
    wire_create(b, ++xid, M "/x/y", big);
    wire_set(b, ++xid, M "/x/y", "small", -1);
    size_t writes = wire_multi(b, ++xid, PK_OP_MULTI);
    wire_multi_set(b, M "/t/w", "multi", -1);
    wire_multi_end(b, writes);
    wire_add_watch(b, ++xid, M "/x", PK_WATCH_PERSISTENT);
    wire_add_watch(b, ++xid, "/storm", PK_WATCH_PERSISTENT_RECURSIVE);
    wire_read(b, ++xid, PK_OP_GET_CHILDREN, M, true);
    wire_delete(b, ++xid, M "/x/y", -1);
}

/* Runs it; the failing allocation is the n-th from here, or none when n is 0. Returns how many there were. */
static uint64_t run(const struct sup_buf *b, const struct sup_buf *hello, uint64_t n, bool for_good, int mode)
{
    sim_init(&s, NULL);
    assert_non_null(s.core);
    int other = sim_connect(&s, 10000);
    uint64_t before = s.mem.calls;
    sup_mem_fail(&s.mem, n);
    s.mem.all_after = for_good;
    s.chunk = mode == 1 ? 50 : 0;
    s.rng.s = n;
    int c = sim_open(&s);
    if (c >= 0) {
        s.conns[c].client.taking = mode == 2 ? SIM_PARTS : SIM_WHOLE;
        s.conns[c].uplink.taking = mode == 2 ? SIM_PARTS : SIM_WHOLE;
        s.conns[c].hold = mode == 3;
        sim_send(&s, c, hello);
        sim_send(&s, c, b);
        sim_pump(&s);
        for (int i = 0; mode == 3 && i < 400; i++)
            sim_release(&s, c, 1);
    }
    uint64_t calls = s.mem.calls - before;
    sup_mem_fail(&s.mem, 0);
    s.mem.all_after = false;
    if (c >= 0)
        s.conns[c].hold = false;
    sim_advance(&s, 6000000);
    struct sup_buf more = {0};
    if (s.conns[other].closed)
        other = sim_connect(&s, 10000);
    wire_create(&more, 1, M "/z", "");
    wire_set(&more, 2, M "/z", "beat", -1);
    wire_read(&more, 3, PK_OP_GET_CHILDREN, M, false);
    sim_send(&s, other, &more);
    sim_pump(&s);
    sim_expect(&s, other, 1, PK_Z_OK, NULL);
    sim_expect(&s, other, 2, PK_Z_OK, NULL);
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
    if (c >= 0 && !s.conns[c].closed) {
        sim_leave(&s, c);
        sim_pump(&s);
        assert_true(s.conns[c].closed);
    }
    sup_buf_free(&more);
    const struct core_stats *st = core_stats(s.core);
    assert_int_equal(st->queue_depth, 0);
    assert_int_equal(st->connections, 1);
    assert_int_equal(st->sessions, 1);
    assert_int_equal(st->uplinks, 1);
    sim_free(&s);
    return calls;
}

static struct sup_buf bytes, hello;

static int setup(void **state)
{
    static char big[5001];
    (void)state;
    memset(big, 'x', 5000);
    wire_connect(&hello, 0, 10000, 0, 0);
    script(&bytes, big);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sup_buf_free(&bytes);
    sup_buf_free(&hello);
    return 0;
}

static void every_call(int mode)
{
    uint64_t total = run(&bytes, &hello, 0, false, mode);
    assert_true(total > 50);
    for (uint64_t n = 1; n <= total + 1; n++) {
        run(&bytes, &hello, n, false, mode);
        run(&bytes, &hello, n, true, mode);
    }
}

static void whole(void **state)
{
    (void)state;
    every_call(0);
}

static void in_pieces(void **state)
{
    (void)state;
    every_call(1);
}

static void taken_in_parts(void **state)
{
    (void)state;
    every_call(2);
}

static void delayed(void **state)
{
    (void)state;
    every_call(3);
}

static void making_a_core(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 200; n++) {
        struct sup_mem m;
        struct core *core = NULL;
        sup_mem_init(&m);
        sup_mem_fail(&m, n);
        enum pk_err err = core_new(&core, &m.mem, &sim_default_config);
        if (err == PK_OK)
            core_free(core);
        assert_true(err == PK_OK || err == PK_ENOMEM);
        assert_int_equal(m.blocks, 0);
        if (m.failed == 0)
            return;
    }
}

static void mounts_that_may_not_be(void **state)
{
    (void)state;
    static const char *const bad[] = {"/",   "",           "storm",        "/a/",
                                      "//a", "/zookeeper", "/zookeeper/x", "/a/../b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sup_mem m;
        struct core *core = NULL;
        struct core_config config = sim_default_config;
        struct core_mount mount = config.mounts[0];
        mount.path = bad[i];
        config.mounts = &mount;
        sup_mem_init(&m);
        assert_int_equal(core_new(&core, &m.mem, &config), PK_EINVAL);
        assert_int_equal(m.blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),   cmocka_unit_test(in_pieces),     cmocka_unit_test(taken_in_parts),
        cmocka_unit_test(delayed), cmocka_unit_test(making_a_core), cmocka_unit_test(mounts_that_may_not_be)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
