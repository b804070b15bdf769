/* Local creates: what is asked first, who wins, bounds, and what is never answered from memory. */
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

static void local_create_prechecks_once(void **state)
{
    (void)state;
    char path[256];
    s.conns[c].hold = true;
    uint64_t before = s.conns[c].requests;
    wire_create(&b, 1, 1, M "/t", "", 0);
    sim_go(&s, c, &b);
    assert_int_equal(sim_peek(&s, c, path), 9);
    sim_release(&s, c, 1);
    assert_int_equal(sim_peek(&s, c, path), 3);
    assert_string_equal(path, M "/t");
    sim_release(&s, c, 1);
    assert_int_equal(sim_peek(&s, c, path), 6);
    assert_string_equal(path, M);
    sim_release(&s, c, 1);
    sim_expect(&s, c, 1, 0, NULL);
    assert_int_equal(s.conns[c].requests - before, 3);
    /* a child of a local znode needs no question */
    wire_create(&b, 2, 1, M "/t/w", "x", 0);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 2, 0, NULL);
    assert_int_equal(s.conns[c].requests - before, 3);
    assert_int_equal(st()->local_creates, 2);
    assert_int_equal(st()->prechecks, 1);
}

/* An ask in flight while another session creates the path upstream: the ensemble decides. */
static void ask_is_spoiled(void **state)
{
    (void)state;
    s.conns[c].hold = true;
    wire_create(&b, 1, 1, M "/t", "local", 0);
    sim_go(&s, c, &b);
    sim_release(&s, c, 3 - 1);
    wire_create(&b, 5, 1, M "/t", "theirs", 1);
    sim_go(&s, other, &b);
    sim_expect(&s, other, 5, 0, NULL);
    sim_release(&s, c, 10);
    sim_expect(&s, c, 1, -110, NULL);
    assert_int_equal(st()->local_creates, 0);
    assert_int_equal(st()->prechecks_refused, 1);
}

/* The other's relayed create is under way when the local create is decided. */
static void relayed_create_in_flight(void **state)
{
    (void)state;
    s.conns[other].hold = true;
    wire_create(&b, 5, 1, M "/t", "theirs", 1);
    sim_go(&s, other, &b);
    wire_create(&b, 1, 1, M "/t", "local", 0);
    sim_go(&s, c, &b);
    struct sim_frame f;
    if (sim_frame(&s, c, &f)) {
        assert_int_equal(f.err, 0);
        assert_non_null(tree_find(&s.zk.tree, M "/t"));
        sim_release(&s, other, 10);
        sim_expect(&s, other, 5, -110, NULL);
    } else {
        sim_release(&s, other, 10);
        sim_expect(&s, other, 5, 0, NULL);
        sim_expect(&s, c, 1, -110, NULL);
    }
    assert_int_equal(st()->local_creates, 0);
}

/* Two local creates of one path, both asked: the first wins, the second is told so from memory. */
static void two_local_creates(void **state)
{
    (void)state;
    s.conns[c].hold = s.conns[other].hold = true;
    wire_create(&b, 1, 1, M "/t", "first", 0);
    sim_go(&s, c, &b);
    wire_create(&b, 1, 1, M "/t", "second", 0);
    sim_go(&s, other, &b);
    sim_release(&s, other, 10);
    sim_release(&s, c, 10);
    sim_expect(&s, other, 1, 0, NULL);
    sim_expect(&s, c, 1, -110, NULL);
    assert_int_equal(st()->local_creates, 1);
    assert_int_equal(st()->znodes, 1);
}

static void no_local_create_under_closed_parents(void **state)
{
    (void)state;
    static const uint8_t no_delete[] = "\0\0\0\1\0\0\0\x17\0\0\0\5world\0\0\0\6anyone";
    assert_int_equal(tree_set_acl(&s.zk.tree, M, no_delete, 27, -1), TREE_OK);
    wire_create(&b, 1, 1, M "/t", "", 0);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 1, 0, NULL);
    assert_non_null(tree_find(&s.zk.tree, M "/t"));
    assert_int_equal(st()->local_creates, 0);
}

static void bounds(void **state)
{
    (void)state;
    struct core_config config = sim_default_config;
    struct core_mount mount = {
        .path = M, .mode = PK_MODE_PACEMAKER, .max_znodes = 3, .max_bytes = 200, .max_znode = 50};
    struct core_log_event note;
    char data[64];
    memset(data, 'x', 60);
    data[60] = 0;
    config.mounts = &mount;
    teardown(NULL);
    sim_init(&s, &config);
    c = sim_connect(&s, 10000);
    sim_local_create(&s, c, M "/a", "");
    sim_local_create(&s, c, M "/b", "");
    sim_local_create(&s, c, M "/c", "");
    wire_create(&b, 2, 1, M "/d", "", 0);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 2, 0, NULL);
    assert_non_null(tree_find(&s.zk.tree, M "/d"));
    assert_int_equal(st()->bound_local_creates, 1);
    assert_true(core_take_log_event(s.core, &note));
    assert_int_equal(note.kind, PK_LOG_EVENT_MOUNT_FULL);
    wire_set(&b, 3, M "/a", data, -1);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 3, 0, NULL);
    const struct tree_node *a = tree_find(&s.zk.tree, M "/a");
    assert_non_null(a);
    assert_int_equal(a->version, 1);
    assert_int_equal(st()->bound_size, 1);
    sim_beats(&s, c, M "/b", 5);
    assert_int_equal(st()->znodes, 2);
    wire_delete(&b, 4, M "/b", -1);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 4, 0, NULL);
    sim_local_create(&s, c, M "/e", "");
}

static void relay_mode(void **state)
{
    (void)state;
    struct core_config config = sim_default_config;
    struct core_mount mount = {
        .path = M, .mode = PK_MODE_RELAY, .max_znodes = 100, .max_bytes = 1000, .max_znode = 1000};
    config.mounts = &mount;
    teardown(NULL);
    sim_init(&s, &config);
    c = sim_connect(&s, 10000);
    wire_create(&b, 1, 1, M "/a", "", 0);
    wire_set(&b, 2, M "/a", "x", -1);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 1, 0, NULL);
    sim_expect(&s, c, 2, 0, NULL);
    assert_non_null(tree_find(&s.zk.tree, M "/a"));
    assert_int_equal(st()->requests_local, 0);
    assert_int_equal(s.conns[c].requests, 2);
}

/* Where the ensemble insists on authentication, memory answers nobody who has not got through. */
static void nothing_before_admission(void **state)
{
    (void)state;
    sim_local_create(&s, c, M "/t", "secret");
    s.zk.require_auth = true;
    static const int types[] = {3, 4, 5, 2, 8, 12, 6, 1};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        int fresh = sim_connect(&s, 10000);
        if (types[i] == 5)
            wire_set(&b, 1, M "/t", "stolen", -1);
        else if (types[i] == 2)
            wire_delete(&b, 1, M "/t", -1);
        else if (types[i] == 1)
            wire_create(&b, 1, 1, M "/t/x", "", 0);
        else if (types[i] == 6)
            wire_path(&b, 1, 6, M "/t");
        else
            wire_read(&b, 1, types[i], M "/t", false);
        sim_go(&s, fresh, &b);
        sim_expect(&s, fresh, 1, -124, NULL);
        assert_true(s.conns[fresh].closed);
    }
    s.zk.require_auth = false;
    struct sim_frame f;
    wire_read(&b, 2, 4, M "/t", false);
    sim_go(&s, other, &b);
    sim_expect(&s, other, 2, 0, &f);
    assert_memory_equal(f.body, "\0\0\0\6secret", 10);
}

/* Local Stats have zxids of their own, header zxids never run ahead of the ensemble. */
static void header_zxids(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "");
    for (int i = 0; i < 50; i++) {
        wire_set(&b, 10 + i, M "/t", "x", -1);
        sim_go(&s, c, &b);
        sim_expect(&s, c, 10 + i, 0, &f);
        assert_true(f.zxid <= s.zk.tree.zxid);
    }
    int again = sim_open(&s);
    wire_connect(&b, s.conns[c].session, 10000, f.zxid, 0);
    sim_go(&s, again, &b);
    assert_int_equal(s.conns[again].got.len, 41);
}

static void config_without_addresses(void **state)
{
    (void)state;
    struct sim_frame f;
    static const char want[] = "server.1=127.0.0.1:2888:3888:participant\n"
                               "server.2=127.0.0.1:2889:3889:observer\nversion=100000000";
    for (uint32_t chunk = 0; chunk < 3; chunk++) {
        s.chunk = chunk;
        wire_read(&b, 3, 4, "/zookeeper/config", chunk == 1);
        sim_go(&s, c, &b);
        sim_expect(&s, c, 3, 0, &f);
        assert_int_equal(f.len, 4 + sizeof want - 1 + 68);
        assert_memory_equal(f.body + 4, want, sizeof want - 1);
        assert_int_equal(f.body[3], sizeof want - 1);
        assert_int_equal(f.body[f.len - 68 + 55], sizeof want - 1);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A setData that is on its way may find the znode of a local create when that is promoted, and share a version with it. */
static void write_in_flight_keeps_local_creates_out(void **state)
{
    (void)state;
    s.conns[other].hold = true;
    wire_set(&b, 5, M "/t", "theirs", -1);
    sim_go(&s, other, &b);
    wire_create(&b, 6, 1, M "/t", "x", 0);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 6, 0, NULL);
    assert_non_null(tree_find(&s.zk.tree, M "/t"));
    assert_int_equal(core_stats(s.core)->local_creates, 0);
    s.conns[other].hold = false;
    sim_pump(&s);
    sim_expect(&s, other, 5, 0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(write_in_flight_keeps_local_creates_out),
        CASE(local_create_prechecks_once),
        CASE(ask_is_spoiled),
        CASE(relayed_create_in_flight),
        CASE(two_local_creates),
        CASE(no_local_create_under_closed_parents),
        CASE(bounds),
        CASE(relay_mode),
        CASE(nothing_before_admission),
        CASE(header_zxids),
        CASE(config_without_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
