/*
 * Memory runs out at the n-th allocation of a script about cached znodes, for every n: once, and for good. Flushes,
 * looks, the service session, handing over and records are in it. Nothing leaks, nothing is used after it was freed,
 * and in the end nothing is dirty and nobody waits.
 */
#include "tests/sim/direct.h"
#include "tests/sim/wire.h"

#define M "/storm/workerbeats"
#define Z M "/w"
#define V M "/v"

enum { FLUSH_US = 1000000, BEATS = 4 };

static struct sim s;

static const struct core_mount mount = {.path = M,
                                        .mode = PK_MODE_PACEMAKER,
                                        .max_znodes = 1000,
                                        .max_bytes = 1000000,
                                        .max_znode = 100000,
                                        .flush_us = FLUSH_US};

static void beats(struct sup_buf *b, int *xid)
{
    for (int i = 0; i < BEATS; i++) {
        wire_set(b, ++*xid, Z, i % 2 == 0 ? "beat" : "a longer beat", -1);
        wire_set(b, ++*xid, V, "beat", -1);
        wire_read(b, ++*xid, PK_OP_EXISTS, Z, false);
    }
}

static void say(int c, struct sup_buf *b)
{
    if (s.conns[c].used && !s.conns[c].closed)
        sim_send(&s, c, b);
    sup_buf_reset(b);
    sim_pump(&s);
}

static void save(void)
{
    struct core_cursor cursor = {0};
    struct core_record record;
    while (core_save_next(s.core, &cursor, &record))
        assert_true(record.path_len > 0);
}

static void script(int c, int other)
{
    struct core_mount changed = mount;
    struct sup_buf b = {0};
    int xid = 0;
    changed.mode = PK_MODE_WRITE_BEHIND;
    wire_create(&b, ++xid, M "/t", "");
    wire_create(&b, ++xid, M "/t/local", "x");
    beats(&b, &xid);
    say(c, &b);
    (void)!core_mount_set(s.core, 0, &changed);
    beats(&b, &xid);
    say(c, &b);
    sim_advance(&s, FLUSH_US);
    beats(&b, &xid);
    say(c, &b);
    wire_set(&b, 1, Z, "flushes first", -1);
    wire_read(&b, 2, PK_OP_GET_DATA, V, false);
    wire_read(&b, 3, PK_OP_GET_DATA, V, true);
    say(other, &b);
    s.conns[c].hold = true;
    beats(&b, &xid);
    say(c, &b);
    sim_advance(&s, FLUSH_US + 500000);
    s.conns[c].uplink.eof = true;
    sim_pump(&s);
    sim_advance(&s, 2000000);
    save();
    sim_step(&s, -1, PK_RELEASE, NULL, 0);
    sim_advance(&s, 1000000);
    sup_buf_free(&b);
}

/* Returns how many allocations there were. */
static uint64_t run(uint64_t n, bool for_good)
{
    struct core_config config = sim_default_config;
    config.mounts = &mount;
    sim_init(&s, &config);
    int c = sim_connect(&s, 30000), other = sim_connect(&s, 30000);
    assert_int_equal(sim_direct_create(&s, Z, "z"), PK_Z_OK);
    assert_int_equal(sim_direct_create(&s, V, "v"), PK_Z_OK);
    uint64_t before = s.mem.calls;
    sup_mem_fail(&s.mem, n);
    s.mem.all_after = for_good;
    script(c, other);
    uint64_t calls = s.mem.calls - before;
    sup_mem_fail(&s.mem, 0);
    s.mem.all_after = false;
    sim_step(&s, -1, PK_DRAIN, NULL, 0);
    sim_pump(&s);
    sim_advance(&s, 20000000);
    for (int i = 0; i < 40 && !core_idle(s.core); i++)
        sim_advance(&s, 1000000);
    assert_true(core_idle(s.core));
    assert_int_equal(core_stats(s.core)->dirty, 0);
    assert_int_equal(core_stats(s.core)->write_permits, 0);
    sim_free(&s);
    return calls;
}

static void every_allocation(void **state)
{
    (void)state;
    uint64_t calls = run(0, false);
    assert_true(calls > 50);
    for (uint64_t n = 1; n <= calls; n++) {
        (void)run(n, false);
        (void)run(n, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
