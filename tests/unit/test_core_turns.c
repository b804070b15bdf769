/*
 * One client and all others: a turn is bounded by its work, whatever that is, and a long list of children is held once,
 * however many slow readers there are. Once a read full of counts kept everybody else for seconds.
 */
#include "core/conn/conns.h"
#include "core/inspect.h"
#include "core/sync/plan.h"
#include "tests/sim/core_fixture.h"

#include <stdio.h>

enum { CHILDREN = 2000, NAME = 40, READERS = 8 };

/* Local children with names of so many bytes below a path. */
static void fill(const char *path, int n)
{
    char name[256];
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%0*d", path, NAME, i);
        wire_create(&b, i, name, "");
        if (i % 500 == 499 || i == n - 1)
            sim_go(&s, c, &b);
    }
    for (int i = 0; i < n; i++)
        sim_expect(&s, c, i, PK_Z_OK, NULL);
}

/* A whole read reaches the core in one event; what follows from it is not waited for. */
static void one_read(int from)
{
    sim_step(&s, from, PK_CLIENT_BYTES, b.p, b.len);
    sup_buf_reset(&b);
}

static int answered(int from)
{
    struct sim_frame f;
    int n = 0;
    for (; sim_frame(&s, from, &f); n++)
        assert_int_equal(f.err, PK_Z_OK);
    return n;
}

static void a_read_is_not_a_turn(void **state)
{
    (void)state;
    enum { N = 1500 };
    sim_local_create(&s, c, M "/t", "");
    for (int i = 0; i < N; i++)
        wire_read(&b, i, PK_OP_EXISTS, M "/t", false);
    one_read(c);
    assert_true(core_pending(s.core));
    assert_false(s.conns[c].client.reading);
    int first = answered(c);
    assert_in_range(first, 500, N - 1);
    sim_pump(&s);
    assert_int_equal(first + answered(c), N);
    assert_true(s.conns[c].client.reading);
}

static void counts_are_kept(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "");
    fill(M "/t", 500);
    sim_local_create(&s, c, M "/t/x", "");
    sim_local_create(&s, c, M "/t/x/y", "");
    wire_delete(&b, 9, M "/t/x/y", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    static const struct {
        const char *path;
        int local;
    } counts[] = {{M "/t", 501}, {M "/t/x", 0}, {M, 502}, {"/storm", 502}};
    for (size_t i = 0; i < 4; i++) {
        wire_path(&b, 3, PK_OP_GET_ALL_CHILDREN_NUMBER, counts[i].path);
        sim_call(&s, other, &b, PK_Z_OK, &f);
        assert_int_equal(sup_be32(f.body), counts[i].local + (i == 3)); /* M itself is the ensemble's */
    }
    for (int i = 0; i < 500; i++) /* a walk each would be more than a turn */
        wire_path(&b, i, PK_OP_GET_ALL_CHILDREN_NUMBER, M "/t");
    one_read(c);
    assert_false(core_pending(s.core));
    assert_int_equal(answered(c), 500);
}

/* While znodes are being remembered as promoted, children are counted one by one. */
static void answers_take_turns(void **state)
{
    (void)state;
    enum { N = 40 };
    struct sim_side *up = &s.conns[other].uplink;
    fill(M, CHILDREN);
    wire_add_watch(&b, 2, M, PK_WATCH_PERSISTENT);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    assert_int_equal(st()->znodes, 0);
    s.conns[other].deaf = true;
    for (int i = 0; i < N; i++)
        wire_read(&b, i, PK_OP_EXISTS, M, false);
    sim_go(&s, other, &b);
    uint8_t *answers = up->todo.p + up->off;
    size_t len = up->todo.len - up->off;
    up->off = up->todo.len;
    s.conns[other].deaf = false;
    sim_step(&s, other, PK_UPLINK_BYTES, answers, len);
    assert_true(core_pending(s.core));
    assert_false(up->reading);
    int first = answered(other);
    assert_in_range(first, 1, N - 1);
    sim_pump(&s);
    assert_int_equal(first + answered(other), N);
    assert_true(up->reading);
    assert_false(s.conns[other].closed);
}

/* So many slow readers ask for a list twice each; returns the bytes that this takes. */
static size_t ask_slowly(int readers[READERS], const char *path)
{
    for (int i = 0; i < READERS; i++) {
        readers[i] = sim_connect(&s, 10000);
        wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
        sim_call(&s, readers[i], &b, PK_Z_OK, NULL);
        s.conns[readers[i]].client.taking = SIM_NOTHING;
    }
    size_t before = s.mem.bytes;
    for (int i = 0; i < READERS; i++) {
        wire_read(&b, 2, PK_OP_GET_CHILDREN2, path, false);
        wire_read(&b, 3, PK_OP_GET_CHILDREN, path, false);
        sim_go(&s, readers[i], &b);
    }
    return s.mem.bytes - before;
}

static void expect_lists(const int readers[READERS], uint32_t children)
{
    for (int i = 0; i < READERS; i++) {
        struct sim_frame f;
        s.conns[readers[i]].client.taking = SIM_WHOLE;
        sim_pump(&s);
        for (int xid = 2; xid <= 3; xid++) {
            sim_expect(&s, readers[i], xid, PK_Z_OK, &f);
            assert_int_equal(sup_be32(f.body), children);
            assert_int_equal(f.len, 4 + children * (4 + NAME) + (xid == 2 ? PK_STAT_LEN : 0));
        }
    }
}

static void slow_readers_share_a_list(void **state)
{
    (void)state;
    static const char *const paths[] = {M "/t", M}; /* a local parent, and one of the ensemble's */
    for (int i = 0; i < 2; i++) {
        int readers[READERS];
        core_restart(NULL);
        if (i == 0)
            sim_local_create(&s, c, M "/t", "");
        fill(paths[i], CHILDREN);
        size_t list = CHILDREN * (4 + NAME);
        assert_in_range(ask_slowly(readers, paths[i]), list, list + READERS * 10000);
        assert_int_equal(st()->listing_bytes, list);
        wire_create(&b, 7, i == 0 ? M "/t/new" : M "/new", "");
        sim_call(&s, c, &b, PK_Z_OK, NULL);
        assert_int_equal(st()->listing_bytes, 0);
        expect_lists(readers, CHILDREN);
    }
}

static void a_list_goes_when_nobody_asks(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "");
    fill(M "/t", 200);
    size_t before = s.mem.bytes;
    wire_read(&b, 1, PK_OP_GET_CHILDREN, M "/t", false);
    sim_call(&s, c, &b, PK_Z_OK, &f);
    assert_true(st()->listing_bytes > 0);
    sim_advance(&s, 6000000);
    assert_int_equal(st()->listing_bytes, 0);
    assert_in_range(s.mem.bytes, 0, before);
}

/* A multi of thousands of operations waits behind reads that are answered one by one, then for the promotion of what it
 * names. Once it was looked through anew with each answer. */
static void what_awaits_its_turn_is_looked_at_once(void **state)
{
    (void)state;
    enum { OPS = 4000, READS = 500 };
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "");
    s.conns[other].hold = true;
    for (int i = 0; i < READS; i++)
        wire_read(&b, i, PK_OP_EXISTS, "/storm", false);
    size_t mark = wire_multi(&b, READS, PK_OP_MULTI);
    for (int i = 0; i < OPS; i++)
        wire_multi_check(&b, M "/t", -1);
    wire_multi_end(&b, mark);
    uint64_t before = core_worked(s.core);
    sim_go(&s, other, &b);
    for (int i = 0; i < READS; i++) {
        sim_release(&s, other, 1);
        sim_expect(&s, other, i, PK_Z_OK, &f);
    }
    s.conns[other].hold = false;
    sim_pump(&s);
    sim_expect(&s, other, READS, PK_Z_OK, &f);
    assert_non_null(upstream(M "/t"));
    assert_in_range(core_worked(s.core) - before, OPS, 100 * OPS);
}

/* setWatches2 with this path so many times in one of its lists. */
static void watch_often(int n, int list, const char *path)
{
    size_t mark = wire_begin(&b, PK_XID_SET_WATCHES, PK_OP_SET_WATCHES2);
    sup_long(&b, 0);
    for (int i = 0; i <= PK_WATCHES_RECURSIVE; i++) {
        sup_int(&b, i == list ? n : 0);
        for (int k = 0; i == list && k < n; k++)
            sup_str(&b, path);
    }
    wire_end(&b, mark);
}

/* A setData of each child that fill() has made, so that its version is 1. */
static void set_all(const char *path, int n)
{
    char name[256];
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s/%0*d", path, NAME, i);
        wire_set(&b, i, name, "beat", -1);
        if (i % 500 == 499 || i == n - 1)
            sim_go(&s, c, &b);
    }
    for (int i = 0; i < n; i++)
        sim_expect(&s, c, i, PK_Z_OK, NULL);
}

/* Once what a watch above many znodes needs was looked for, and made wanted, at once: 28 ms for 300,000. */
static void many_are_promoted_plan_by_plan(void **state)
{
    (void)state;
    enum { MANY = 2 * PK_PLAN_MOST + 500 };
    for (int way = 0; way < 2; way++) {
        core_restart(NULL);
        sim_local_create(&s, c, M "/t", "");
        fill(M "/t", MANY);
        set_all(M "/t", MANY);
        wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
        sim_call(&s, other, &b, PK_Z_OK, NULL);
        if (way == 0)
            wire_add_watch(&b, 2, M "/t", PK_WATCH_PERSISTENT_RECURSIVE);
        else
            wire_read(&b, 2, PK_OP_GET_CHILDREN, M "/t", true);
        uint64_t worked = core_worked(s.core);
        one_read(other);
        assert_in_range(core_worked(s.core) - worked, PK_PLAN_MOST, 3 * PK_PLAN_MOST);
        sim_pump(&s);
        sim_expect(&s, other, 2, PK_Z_OK, NULL);
        assert_int_equal(st()->znodes, 0);
        assert_int_equal(st()->requests_promoted, 1);
        for (int i = 0; i < MANY; i += MANY - 1) {
            char name[256];
            snprintf(name, sizeof name, "%s/%0*d", M "/t", NAME, i);
            expect_upstream(name, "beat", 1);
        }
    }
}

/* Once what had been promoted a minute ago was forgotten at one tick, however many znodes that were. */
static void promoted_znodes_are_forgotten_tick_by_tick(void **state)
{
    (void)state;
    enum { MANY = 6000, TICK_US = 250000 };
    fill(M, MANY);
    size_t held = s.mem.bytes;
    wire_read(&b, 2, PK_OP_GET_CHILDREN, M, true);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    size_t before = s.mem.bytes;
    for (int ticks = 0; s.mem.bytes > before / 2; ticks++) {
        size_t now = s.mem.bytes;
        assert_in_range(ticks, 0, 70 * 4);
        sim_advance(&s, TICK_US);
        assert_in_range(s.mem.bytes, now - before / 2, now + held);
    }
}

/* setWatches2 of so many exists watches below a path, which has room for a number. */
static void watch_many(int n, const char *below)
{
    char path[64];
    size_t mark = wire_begin(&b, PK_XID_SET_WATCHES, PK_OP_SET_WATCHES2);
    sup_long(&b, 0);
    for (int i = 0; i <= PK_WATCHES_RECURSIVE; i++) {
        sup_int(&b, i == PK_WATCHES_EXIST ? n : 0);
        for (int k = 0; i == PK_WATCHES_EXIST && k < n; k++) {
            snprintf(path, sizeof path, "%s/%d", below, k);
            sup_str(&b, path);
        }
    }
    wire_end(&b, mark);
}

static void delete_often(int n, const char *path)
{
    size_t mark = wire_multi(&b, 3, PK_OP_MULTI);
    for (int i = 0; i < n; i++) {
        wire_multi_op(&b, PK_OP_DELETE);
        sup_str(&b, path);
        sup_int(&b, -1);
    }
    wire_multi_end(&b, mark);
}

/* Once each time that a request named a parent its children, or all below it, were walked over: of 24,000 one request
 * of 56 KiB kept everybody for a second. */
static void what_is_named_often_is_walked_over_once(void **state)
{
    (void)state;
    enum { TIMES = 2000 };
    for (int way = 0; way < 3; way++) {
        core_restart(NULL);
        sim_local_create(&s, c, M "/t", "");
        fill(M "/t", CHILDREN);
        uint64_t before = core_worked(s.core);
        if (way < 2)
            watch_often(TIMES, way == 0 ? PK_WATCHES_RECURSIVE : PK_WATCHES_CHILD, M "/t");
        else
            delete_often(TIMES, M "/t");
        sim_go(&s, other, &b);
        assert_non_null(upstream(M "/t"));
        assert_int_equal(st()->znodes, 0);
        assert_in_range(core_worked(s.core) - before, TIMES, 100 * (TIMES + CHILDREN));
    }
}

/* Goes on until nothing is pending, with beats of somebody else in between; the most that one step took. */
static uint64_t most_of_a_step(int *beats)
{
    uint64_t most = 0;
    for (*beats = 0; core_pending(s.core); ++*beats) {
        uint64_t before = core_worked(s.core);
        sim_step(&s, -1, PK_CONTINUE, NULL, 0);
        most = core_worked(s.core) - before > most ? core_worked(s.core) - before : most;
        wire_set(&b, 9, M "/t", "beat", -1);
        one_read(c);
        sim_expect(&s, c, 9, PK_Z_OK, NULL);
    }
    return most;
}

/* Once 66,666 paths in one setWatches2 were looked at in one turn, several times over: 24 ms. */
static void many_watches_are_set_in_parts(void **state)
{
    (void)state;
    enum { PATHS = 30000, PART = 4000 /* paths */, STEP = 4 * PK_TURN_WORK + PART * 20 };
    static const char *const below[] = {"/storm", M};
    for (int way = 0; way < 2; way++) {
        int beats;
        core_restart(NULL);
        sim_local_create(&s, c, M "/t", "");
        sim_local_create(&s, c, M "/29999", "");
        wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
        sim_call(&s, other, &b, PK_Z_OK, NULL);
        size_t before = s.mem.bytes;
        watch_many(PATHS, below[way]);
        wire_read(&b, 4, PK_OP_EXISTS, "/storm", false);
        uint64_t worked = core_worked(s.core);
        one_read(other);
        assert_in_range(core_worked(s.core) - worked, 1, STEP);
        if (way == 0)
            assert_in_range(most_of_a_step(&beats), 1, STEP);
        sim_pump(&s);
        if (way == 1)
            sim_expect_event(&s, other, PK_EVENT_CREATED, M "/29999");
        sim_expect(&s, other, PK_XID_SET_WATCHES, PK_Z_OK, NULL);
        sim_expect(&s, other, 4, PK_Z_OK, NULL);
        assert_int_equal(answered(other), 0);
        wire_create(&b, 5, "/storm/3", "");
        sim_call(&s, c, &b, PK_Z_OK, NULL);
        if (way == 0)
            sim_expect_event(&s, other, PK_EVENT_CREATED, "/storm/3");
        wire_delete(&b, 6, "/storm/3", -1);
        sim_call(&s, c, &b, PK_Z_OK, NULL);
        sim_leave(&s, other);
        sim_advance(&s, 1000000);
        assert_in_range(s.mem.bytes, 0, before + 10 * PATHS);
        other = sim_connect(&s, 10000);
    }
}

/* Once all whose turn was over went on in one step, however many they were. */
static void who_goes_on_waits_for_his_turn(void **state)
{
    (void)state;
    enum { FLOODS = 20, N = 3000, STEP = 6 * PK_TURN_WORK };
    int who[FLOODS], answers = 0;
    sim_local_create(&s, c, M "/t", "");
    for (int i = 0; i < FLOODS; i++) {
        who[i] = sim_connect(&s, 10000);
        wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
        sim_call(&s, who[i], &b, PK_Z_OK, NULL);
    }
    for (int i = 0; i < FLOODS; i++) {
        for (int k = 0; k < N; k++)
            wire_read(&b, k, PK_OP_EXISTS, M "/t", false);
        one_read(who[i]);
    }
    while (core_pending(s.core)) {
        uint64_t before = core_worked(s.core);
        sim_step(&s, -1, PK_CONTINUE, NULL, 0);
        assert_true(core_worked(s.core) - before < STEP);
        before = core_worked(s.core);
        wire_set(&b, 9, M "/t", "beat", -1);
        one_read(c);
        sim_expect(&s, c, 9, PK_Z_OK, NULL);
        assert_true(core_worked(s.core) - before < PK_TURN_WORK);
    }
    for (int i = 0; i < FLOODS; i++)
        answers += answered(who[i]);
    assert_int_equal(answers, FLOODS * N);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_read_is_not_a_turn),
        CASE(counts_are_kept),
        CASE(answers_take_turns),
        CASE(slow_readers_share_a_list),
        CASE(a_list_goes_when_nobody_asks),
        CASE(what_awaits_its_turn_is_looked_at_once),
        CASE(what_is_named_often_is_walked_over_once),
        CASE(many_are_promoted_plan_by_plan),
        CASE(promoted_znodes_are_forgotten_tick_by_tick),
        CASE(many_watches_are_set_in_parts),
        CASE(who_goes_on_waits_for_his_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
