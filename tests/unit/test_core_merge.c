/* Watched paths, listings that hold local names, and answers of servers that lag. */
#include "tests/sim/steps.h"
#include "tests/sim/uplink.h"
#include "tests/sim/wire.h"

#define M "/storm/workerbeats"

static struct sim s;
static struct sup_buf b;
static int c, other;

static int setup(void **state)
{
    (void)state;
    sim_init(&s, NULL);
    c = sim_connect(&s, 10000);
    other = sim_connect(&s, 10000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sup_buf_free(&b);
    sim_free(&s);
    return 0;
}

static const struct core_stats *st(void)
{
    return core_stats(s.core);
}

static void watched_is_not_absorbed(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_watch(&s, other, 3, M "/t");
    sim_expect(&s, other, 3, -101, NULL);
    assert_int_equal(st()->watched_paths, 1);
    wire_create(&b, 1, 1, M "/t", "", 0);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 1, 0, NULL);
    assert_non_null(tree_find(&s.zk.tree, M "/t"));
    sim_expect(&s, other, -1, 0, &f);
    assert_int_equal(f.body[3], 1);
    assert_int_equal(st()->watched_paths, 0);
    wire_read(&b, 4, 8, M, true);
    sim_go(&s, other, &b);
    sim_expect(&s, other, 4, 0, NULL);
    wire_create(&b, 2, 1, M "/u", "", 0);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 2, 0, NULL);
    assert_non_null(tree_find(&s.zk.tree, M "/u"));
    sim_expect(&s, other, -1, 0, &f);
    sim_local_create(&s, c, M "/v", "");
    sim_leave(&s, other);
    sim_pump(&s);
    assert_int_equal(st()->watched_paths, 0);
}

/* A watch counts from the moment at which it is sent. */
static void watch_in_flight(void **state)
{
    (void)state;
    s.conns[other].hold = true;
    sim_watch(&s, other, 3, M "/t");
    wire_create(&b, 1, 1, M "/t", "", 0);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 1, 0, NULL);
    assert_non_null(tree_find(&s.zk.tree, M "/t"));
    assert_int_equal(st()->local_creates, 0);
}

static void recursive_watch(void **state)
{
    (void)state;
    struct core_log_event note;
    sim_local_create(&s, c, M "/t", "");
    size_t mark = wire_begin(&b, 5, 106);
    sup_str(&b, "/storm");
    sup_int(&b, 1);
    wire_end(&b, mark);
    sim_go(&s, other, &b);
    sim_expect(&s, other, 5, 0, NULL);
    assert_non_null(tree_find(&s.zk.tree, M "/t"));
    assert_int_equal(st()->recursive_watches, 1);
    wire_create(&b, 1, 1, M "/u", "", 0);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 1, 0, NULL);
    sim_expect(&s, other, -1, 0, NULL);
    assert_non_null(tree_find(&s.zk.tree, M "/u"));
    bool noted = false;
    while (core_take_log_event(s.core, &note))
        noted |= note.kind == PK_LOG_EVENT_RECURSIVE_WATCH;
    assert_true(noted);
    sim_leave(&s, other);
    sim_pump(&s);
    assert_int_equal(st()->recursive_watches, 0);
    sim_local_create(&s, c, M "/v", "");
}

static void names_are_merged(void **state)
{
    (void)state;
    struct sim_frame f;
    wire_create(&b, 1, 1, M "/up", "", 1);
    sim_go(&s, other, &b);
    sim_expect(&s, other, 1, 0, NULL);
    sim_local_create(&s, c, M "/t", "");
    wire_read(&b, 2, 12, M, false);
    sim_go(&s, other, &b);
    sim_expect(&s, other, 2, 0, &f);
    assert_int_equal(f.len, 4 + 4 + 2 + 4 + 1 + 68);
    assert_int_equal(f.body[3], 2);
    assert_int_equal(f.body[f.len - 68 + 59], 2);
    assert_int_equal(f.body[f.len - 68 + 39], 2);
    assert_int_equal(st()->merges, 1);
    wire_path(&b, 3, 104, M);
    sim_go(&s, other, &b);
    sim_expect(&s, other, 3, 0, &f);
    assert_memory_equal(f.body, "\0\0\0\2", 4);
}

/* A listing that was under way when a znode was promoted: the answer's zxid says whether its server had it. */
static void listing_crosses_a_promotion(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "");
    s.conns[other].deaf = true;
    wire_read(&b, 2, 8, M, false);
    sim_go(&s, other, &b);
    sim_watch(&s, c, 3, M "/t");
    sim_expect(&s, c, 3, 0, NULL);
    s.conns[other].deaf = false;
    sim_pump(&s);
    sim_expect(&s, other, 2, 0, &f);
    assert_memory_equal(f.body, "\0\0\0\1\0\0\0\1t", 9);
    s.conns[other].hold = true;
    sim_local_create(&s, c, M "/u", "");
    wire_read(&b, 4, 8, M, false);
    sim_go(&s, other, &b);
    sim_watch(&s, c, 5, M "/u");
    sim_expect(&s, c, 5, 0, NULL);
    s.conns[other].hold = false;
    sim_pump(&s);
    sim_expect(&s, other, 4, 0, &f);
    assert_memory_equal(f.body, "\0\0\0\2\0\0\0\1t\0\0\0\1u", 14);
}

/* Swallows the next request of a held connection and answers it as a server that is behind. */
static void lagging_answer(int who, int64_t zxid, int err)
{
    struct sim_conn *conn = &s.conns[who];
    const uint8_t *p = conn->wire.p + conn->wire_off;
    struct sup_buf reply = {0};
    sup_int(&reply, 16);
    sup_raw(&reply, p + 4, 4);
    sup_long(&reply, zxid);
    sup_int(&reply, err);
    conn->wire_off += 4 + (size_t)p[3];
    sup_raw(&conn->uplink.todo, reply.p, reply.len);
    sup_buf_free(&reply);
    sim_pump(&s);
}

static void nonode_is_asked_again(void **state)
{
    (void)state;
    char path[256];
    struct sim_frame f;
    int64_t old = s.zk.tree.zxid;
    sim_local_create(&s, c, M "/t", "data");
    sim_watch(&s, c, 3, M "/t");
    sim_expect(&s, c, 3, 0, NULL);
    s.conns[other].hold = true;
    wire_read(&b, 7, 4, M "/t", false);
    sim_go(&s, other, &b);
    if (sim_peek(&s, other, path) == 9)
        sim_release(&s, other, 1);
    assert_int_equal(sim_peek(&s, other, path), 4);
    lagging_answer(other, old, -101);
    assert_false(sim_frame(&s, other, &f));
    assert_int_equal(sim_peek(&s, other, path), 9);
    s.conns[other].hold = false;
    sim_pump(&s);
    sim_expect(&s, other, 7, 0, &f);
    assert_memory_equal(f.body, "\0\0\0\4data", 8);
    assert_int_equal(st()->retries, 1);
}

/* An answer NONODE that crosses a local create is not given: memory knows better by then. */
static void nonode_crosses_a_local_create(void **state)
{
    (void)state;
    struct sim_frame f;
    s.conns[other].deaf = true;
    wire_read(&b, 7, 4, M "/t", false);
    sim_go(&s, other, &b);
    sim_local_create(&s, c, M "/t", "data");
    s.conns[other].deaf = false;
    sim_pump(&s);
    sim_expect(&s, other, 7, 0, &f);
    assert_memory_equal(f.body, "\0\0\0\4data", 8);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(watched_is_not_absorbed),
        CASE(watch_in_flight),
        CASE(recursive_watch),
        CASE(names_are_merged),
        CASE(listing_crosses_a_promotion),
        CASE(nonode_is_asked_again),
        CASE(nonode_crosses_a_local_create),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
