/*
 * Watches and requests under way take bounded memory, whatever paths they name: once they took 65 bytes for each one
 * sent. Beyond the bound everything goes on as if the whole mount were watched.
 */
#include "core/conn/conns.h"
#include "core/inspect.h"
#include "core/store/watch.h"
#include "tests/sim/core_fixture.h"

#include <stdio.h>

#define N "/storm/others"

enum { ROOM = 64 * 1024, LEVELS = 60 };

static int setup(void **state)
{
    struct core_config config = sim_default_config;
    (void)state;
    config.watch_memory = ROOM;
    sim_init(&s, &config);
    c = sim_connect(&s, 10000);
    other = sim_connect(&s, 10000);
    return 0;
}
#define BOUNDED(name) cmocka_unit_test_setup_teardown(name, setup, core_teardown)

static const char *deep(int i)
{
    static char path[256];
    int len = snprintf(path, sizeof path, M "/%d", i);
    for (int level = 1; level < LEVELS; level++)
        len += snprintf(path + len, sizeof path - (size_t)len, "/d");
    return path;
}

static bool creates_locally(int who, const char *path)
{
    int64_t before = st()->local_creates;
    wire_create(&b, 77, path, "");
    sim_call(&s, who, &b, PK_Z_OK, NULL);
    return st()->local_creates > before;
}

static void expect_bounded(size_t before)
{
    assert_in_range(st()->watch_bytes, ROOM / 4, ROOM + 2000);
    assert_true(s.mem.bytes - before < 2 * ROOM);
}

static void watches_are_bounded(void **state)
{
    (void)state;
    struct core_log_event event;
    size_t before = s.mem.bytes;
    bool said = false;
    for (int i = 0; i < 200; i++) {
        wire_read(&b, i, PK_OP_EXISTS, deep(i), true);
        sim_call(&s, other, &b, PK_Z_NO_NODE, NULL);
    }
    expect_bounded(before);
    assert_int_equal(st()->recursive_watches, 1);
    while (core_take_log_event(s.core, &event))
        said |= event.kind == PK_LOG_EVENT_WATCHES_FULL;
    assert_true(said);
    assert_false(creates_locally(c, M "/a"));
    sim_leave(&s, other);
    sim_pump(&s);
    assert_int_equal(st()->watch_bytes, 0);
    assert_true(creates_locally(c, M "/b"));
}

/* Once each of the paths that a multi of a megabyte names was tracked, which took everybody's time. */
static void a_huge_multi_tracks_little(void **state)
{
    (void)state;
    enum { PARTS = 5000 };
    char path[64];
    size_t before = s.mem.blocks;
    size_t mark = wire_multi(&b, 3, PK_OP_MULTI);
    for (int i = 0; i < PARTS; i++) {
        snprintf(path, sizeof path, "/storm/workerbeats/none/%d", i);
        wire_multi_check(&b, path, -1);
    }
    wire_multi_end(&b, mark);
    s.conns[other].deaf = true;
    uint64_t worked = core_worked(s.core);
    sim_go(&s, other, &b);
    assert_true(s.mem.blocks - before < PK_INTENT_PATHS);
    /* Once each was looked at twice. */
    assert_in_range(core_worked(s.core) - worked, PARTS * PK_WORK_TARGET, PARTS * PK_WORK_TARGET * 5 / 4);
    assert_false(creates_locally(c, M "/a"));
    assert_int_equal(st()->recursive_watches, 0);
    s.conns[other].deaf = false;
    sim_pump(&s);
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
    assert_int_equal(st()->watch_bytes, 0);
    assert_true(creates_locally(c, M "/b"));
}

/* A multi of more unknown paths than are tracked one by one, and this one behind them, is under way. */
static void many_and(const char *last)
{
    char path[64];
    size_t mark = wire_multi(&b, 3, PK_OP_MULTI);
    for (int i = 0; i < 3 * PK_INTENT_PATHS; i++) {
        snprintf(path, sizeof path, M "/none/%d", i);
        wire_multi_check(&b, path, -1);
    }
    wire_multi_check(&b, last, -1);
    wire_multi_end(&b, mark);
    s.conns[other].deaf = true;
    sim_go(&s, other, &b);
}

static void answered(void)
{
    s.conns[other].deaf = false;
    sim_pump(&s);
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
    assert_int_equal(st()->watch_bytes, 0);
}

static int setup_two(void **state)
{
    struct core_config config = sim_default_config;
    struct core_mount mounts[] = {*config.mounts, *config.mounts};
    (void)state;
    mounts[1].path = N;
    config.mounts = mounts;
    config.nmounts = 2;
    sim_init(&s, &config);
    c = sim_connect(&s, 10000);
    other = sim_connect(&s, 10000);
    return 0;
}

static void the_last_of_many_is_below_another_mount(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, N, ""), PK_Z_OK);
    many_and(N "/last");
    assert_false(creates_locally(c, M "/a"));
    assert_false(creates_locally(c, N "/a"));
    answered();
    assert_true(creates_locally(c, M "/b"));
    assert_true(creates_locally(c, N "/b"));
}

/* What a multi shows is not changed by a write that it would miss. */
static void the_last_of_many_is_cached(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, M "/w", ""), PK_Z_OK);
    for (int version = 1; version <= 2; version++) {
        wire_set(&b, 4, M "/w", "beat", -1);
        sim_call(&s, c, &b, PK_Z_OK, NULL);
    }
    assert_int_equal(upstream(M "/w")->version, 1);
    many_and(M "/w");
    assert_int_equal(upstream(M "/w")->version, 2);
    wire_set(&b, 4, M "/w", "beat", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_int_equal(upstream(M "/w")->version, 3);
    answered();
}

/* One request for so many data watches at paths below the mount. */
static void set_of_watches(int n)
{
    char path[64];
    size_t mark = wire_begin(&b, PK_XID_SET_WATCHES, PK_OP_SET_WATCHES);
    sup_long(&b, 0);
    sup_int(&b, n);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, M "/%d", i);
        sup_str(&b, path);
    }
    sup_int(&b, 0);
    sup_int(&b, 0);
    wire_end(&b, mark);
}

/* Once each of the paths of a set of watches of a megabyte was tracked. */
static void a_huge_set_of_watches_marks_the_mount(void **state)
{
    (void)state;
    enum { PATHS = 2 * PK_INTENT_WATCHED };
    set_of_watches(PATHS);
    s.conns[other].deaf = true;
    sim_go(&s, other, &b);
    assert_in_range(st()->watched_paths, 1, PK_INTENT_WATCHED + 1);
    assert_int_equal(st()->recursive_watches, 1);
    assert_false(creates_locally(c, M "/a"));
    s.conns[other].deaf = false;
    sim_leave(&s, other);
    sim_pump(&s);
    sim_advance(&s, 1000000);
    assert_int_equal(st()->watch_bytes, 0);
    assert_true(creates_locally(c, M "/b"));
}

/* Once all that a client had watched was looked up and forgotten in the turn in which it left. */
static void the_watches_of_who_leaves_go_piece_by_piece(void **state)
{
    (void)state;
    enum { PATHS = 3000 };
    set_of_watches(PATHS);
    sim_go(&s, other, &b);
    assert_int_equal(st()->watched_paths, PATHS);
    sim_step(&s, other, PK_CLIENT_EOF, NULL, 0);
    assert_in_range(st()->watched_paths, PATHS / 4, PATHS - 1);
    assert_true(creates_locally(c, M "/2999"));
    for (int i = 0; i < 4; i++)
        sim_step(&s, -1, PK_TICK, NULL, 0);
    assert_int_equal(st()->watched_paths, 0);
    assert_int_equal(st()->watch_bytes, 0);
}

/* The watch that found no room is a watch all the same. */
static void an_untracked_watch_is_seen(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        wire_read(&b, i, PK_OP_EXISTS, deep(i), true);
        sim_call(&s, other, &b, PK_Z_NO_NODE, NULL);
    }
    wire_read(&b, 3, PK_OP_EXISTS, M "/w", true);
    sim_call(&s, other, &b, PK_Z_NO_NODE, NULL);
    assert_false(creates_locally(c, M "/w"));
    sim_expect_event(&s, other, PK_EVENT_CREATED, M "/w");
}

static void a_set_of_watches_is_bounded(void **state)
{
    (void)state;
    size_t before = s.mem.bytes, mark = wire_begin(&b, PK_XID_SET_WATCHES, PK_OP_SET_WATCHES);
    sup_long(&b, 0);
    sup_int(&b, 0);
    sup_int(&b, 300);
    for (int i = 0; i < 300; i++)
        sup_str(&b, deep(i));
    sup_int(&b, 0);
    wire_end(&b, mark);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    expect_bounded(before);
    assert_int_equal(st()->recursive_watches, 1);
}

/* Creates of paths of which nothing is known, under way: none of them may be created here meanwhile. */
static void requests_under_way_are_bounded(void **state)
{
    (void)state;
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    size_t before = s.mem.bytes;
    s.conns[other].hold = true;
    for (int i = 0; i < 200; i++)
        wire_set(&b, i, deep(i), "", -1);
    wire_create_as(&b, 200, PK_OP_CREATE, PK_CREATE_EPHEMERAL, M "/w", "theirs");
    sim_go(&s, other, &b);
    assert_int_equal(st()->recursive_watches, 0);
    assert_in_range(st()->watch_bytes, ROOM / 2, ROOM + 10000);
    assert_true(s.mem.bytes - before < 4 * ROOM); /* their entries, and what waits to be written */
    assert_false(creates_locally(c, M "/w"));
    s.conns[other].hold = false;
    sim_pump(&s);
    assert_int_equal(st()->watch_bytes, 0);
    assert_true(creates_locally(c, M "/v"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOUNDED(watches_are_bounded),
        CASE(a_huge_multi_tracks_little),
        cmocka_unit_test_setup_teardown(the_last_of_many_is_below_another_mount, setup_two, core_teardown),
        CASE(the_last_of_many_is_cached),
        CASE(a_huge_set_of_watches_marks_the_mount),
        CASE(the_watches_of_who_leaves_go_piece_by_piece),
        BOUNDED(an_untracked_watch_is_seen),
        BOUNDED(a_set_of_watches_is_bounded),
        BOUNDED(requests_under_way_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
