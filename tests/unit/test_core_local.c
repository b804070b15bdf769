/* Local creates: what is asked first, who wins, bounds, and what is never answered from memory. */
#include <stdio.h>

#include "tests/sim/core_fixture.h"

static void local_create_prechecks_once(void **state)
{
    (void)state;
    char path[256];
    s.conns[c].hold = true;
    uint64_t before = s.conns[c].requests;
    wire_create(&b, 1, M "/t", "");
    sim_go(&s, c, &b);
    assert_int_equal(sim_peek(&s, c, path), PK_OP_SYNC);
    sim_release(&s, c, 1);
    assert_int_equal(sim_peek(&s, c, path), PK_OP_EXISTS);
    assert_string_equal(path, M "/t");
    sim_release(&s, c, 1);
    assert_int_equal(sim_peek(&s, c, path), PK_OP_GET_ACL);
    assert_string_equal(path, M);
    sim_release(&s, c, 1);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    assert_int_equal(s.conns[c].requests - before, 3);
    /* a child of a local znode needs no question */
    wire_create(&b, 2, M "/t/w", "x");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_int_equal(s.conns[c].requests - before, 3);
    assert_int_equal(st()->local_creates, 2);
    assert_int_equal(st()->prechecks, 1);
}

/* A precheck in flight while another session creates the path upstream: the ensemble decides. */
static void precheck_is_spoiled(void **state)
{
    (void)state;
    s.conns[c].hold = true;
    wire_create(&b, 1, M "/t", "local");
    sim_go(&s, c, &b);
    sim_release(&s, c, 3 - 1);
    wire_create_as(&b, 5, PK_OP_CREATE, PK_CREATE_EPHEMERAL, M "/t", "theirs");
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    sim_release(&s, c, 10);
    sim_expect(&s, c, 1, PK_Z_NODE_EXISTS, NULL);
    assert_int_equal(st()->local_creates, 0);
    assert_int_equal(st()->prechecks_refused, 1);
}

/* The other's relayed create is under way when the local create is decided. */
static void relayed_create_in_flight(void **state)
{
    (void)state;
    s.conns[other].hold = true;
    wire_create_as(&b, 5, PK_OP_CREATE, PK_CREATE_EPHEMERAL, M "/t", "theirs");
    sim_go(&s, other, &b);
    wire_create(&b, 1, M "/t", "local");
    sim_go(&s, c, &b);
    struct sim_frame f;
    if (sim_frame(&s, c, &f)) {
        assert_int_equal(f.err, PK_Z_OK);
        assert_non_null(upstream(M "/t"));
        sim_release(&s, other, 10);
        sim_expect(&s, other, 5, PK_Z_NODE_EXISTS, NULL);
    } else {
        sim_release(&s, other, 10);
        sim_expect(&s, other, 5, PK_Z_OK, NULL);
        sim_expect(&s, c, 1, PK_Z_NODE_EXISTS, NULL);
    }
    assert_int_equal(st()->local_creates, 0);
}

/* Two local creates of one path, both asked: the first wins, the second is told so from memory. */
static void two_local_creates(void **state)
{
    (void)state;
    s.conns[c].hold = s.conns[other].hold = true;
    wire_create(&b, 1, M "/t", "first");
    sim_go(&s, c, &b);
    wire_create(&b, 1, M "/t", "second");
    sim_go(&s, other, &b);
    sim_release(&s, other, 10);
    sim_release(&s, c, 10);
    sim_expect(&s, other, 1, PK_Z_OK, NULL);
    sim_expect(&s, c, 1, PK_Z_NODE_EXISTS, NULL);
    assert_int_equal(st()->local_creates, 1);
    assert_int_equal(st()->znodes, 1);
}

static void no_local_create_under_closed_parents(void **state)
{
    (void)state;
    allow_upstream(M, PK_PERM_ALL & ~PK_PERM_DELETE);
    wire_create(&b, 1, M "/t", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/t"));
    assert_int_equal(st()->local_creates, 0);
}

static void bounds(void **state)
{
    (void)state;
    struct core_mount mount = {
        .path = M, .mode = PK_MODE_PACEMAKER, .max_znodes = 3, .max_bytes = 200, .max_znode = 50};
    struct core_log_event event;
    char data[64];
    memset(data, 'x', 60);
    data[60] = 0;
    core_restart(&mount);
    sim_local_create(&s, c, M "/a", "");
    sim_local_create(&s, c, M "/b", "");
    sim_local_create(&s, c, M "/c", "");
    wire_create(&b, 2, M "/d", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/d"));
    assert_int_equal(st()->bound_local_creates, 1);
    assert_true(core_take_log_event(s.core, &event));
    assert_int_equal(event.kind, PK_LOG_EVENT_MOUNT_FULL);
    wire_set(&b, 3, M "/a", data, -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    expect_upstream(M "/a", data, 1);
    assert_int_equal(st()->bound_size, 1);
    sim_beats(&s, c, M "/b", 5);
    assert_int_equal(st()->znodes, 2);
    wire_delete(&b, 4, M "/b", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    sim_local_create(&s, c, M "/e", "");
}

static void relay_mode(void **state)
{
    (void)state;
    struct core_mount mount = {
        .path = M, .mode = PK_MODE_RELAY, .max_znodes = 100, .max_bytes = 1000, .max_znode = 1000};
    core_restart(&mount);
    wire_create(&b, 1, M "/a", "");
    wire_set(&b, 2, M "/a", "x", -1);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    sim_expect(&s, c, 2, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/a"));
    assert_int_equal(st()->requests_local, 0);
    assert_int_equal(s.conns[c].requests, 2);
}

/* Where the ensemble insists on authentication, memory answers nobody who has not got through. */
static void nothing_before_admission(void **state)
{
    (void)state;
    sim_local_create(&s, c, M "/t", "secret");
    s.zk.require_auth = true;
    static const int types[] = {PK_OP_EXISTS,       PK_OP_GET_DATA,      PK_OP_SET_DATA, PK_OP_DELETE,
                                PK_OP_GET_CHILDREN, PK_OP_GET_CHILDREN2, PK_OP_GET_ACL,  PK_OP_CREATE};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        int fresh = sim_connect(&s, 10000);
        if (types[i] == PK_OP_SET_DATA)
            wire_set(&b, 1, M "/t", "stolen", -1);
        else if (types[i] == PK_OP_DELETE)
            wire_delete(&b, 1, M "/t", -1);
        else if (types[i] == PK_OP_CREATE)
            wire_create(&b, 1, M "/t/x", "");
        else if (types[i] == PK_OP_GET_ACL)
            wire_path(&b, 1, PK_OP_GET_ACL, M "/t");
        else
            wire_read(&b, 1, types[i], M "/t", false);
        sim_call(&s, fresh, &b, PK_Z_SESSION_CLOSED_REQUIRE_SASL_AUTH, NULL);
        assert_true(s.conns[fresh].closed);
    }
    s.zk.require_auth = false;
    struct sim_frame f;
    wire_read(&b, 2, PK_OP_GET_DATA, M "/t", false);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    sim_expect_data(&f, "secret");
}

/* Local Stats have zxids of their own, header zxids never run ahead of the ensemble. */
static void header_zxids(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "");
    for (int i = 0; i < 50; i++) {
        wire_set(&b, 10 + i, M "/t", "x", -1);
        sim_call(&s, c, &b, PK_Z_OK, &f);
        assert_true(f.zxid <= s.zk.tree.zxid);
    }
    int again = sim_open(&s);
    wire_connect(&b, s.conns[c].session, 10000, f.zxid, 0);
    sim_go(&s, again, &b);
    assert_int_equal(s.conns[again].got.len, WIRE_CONNECT_REPLY);
}

static void config_without_addresses(void **state)
{
    (void)state;
    struct sim_frame f;
    static const char want[] = "server.1=127.0.0.1:2888:3888:participant\n"
                               "server.2=127.0.0.1:2889:3889:observer\nversion=100000000";
    for (uint32_t chunk = 0; chunk < 3; chunk++) {
        s.chunk = chunk;
        wire_read(&b, 3, PK_OP_GET_DATA, "/zookeeper/config", chunk == 1);
        sim_call(&s, c, &b, PK_Z_OK, &f);
        sim_expect_data(&f, want);
        assert_int_equal(sim_stat(&f).data_length, strlen(want));
    }
}

/* A setData that is on its way may find a local znode when that is promoted, and share a version with it. */
static void write_in_flight_keeps_local_creates_out(void **state)
{
    (void)state;
    s.conns[other].hold = true;
    wire_set(&b, 5, M "/t", "theirs", -1);
    sim_go(&s, other, &b);
    wire_create(&b, 6, M "/t", "x");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/t"));
    assert_int_equal(st()->local_creates, 0);
    s.conns[other].hold = false;
    sim_pump(&s);
    sim_expect(&s, other, 5, PK_Z_OK, NULL);
}

static struct pk_stat stat_of(const char *path)
{
    struct sim_frame f;
    wire_read(&b, 9, PK_OP_EXISTS, path, false);
    sim_call(&s, c, &b, PK_Z_OK, &f);
    return sim_stat(&f);
}

/* Once memory's pzxid of a parent ran ahead of the ensemble's zxids, and fell when the last child had been promoted
 * for a while. */
static void pzxid_does_not_fall_when_memory_forgets(void **state)
{
    (void)state;
    char path[64];
    assert_int_equal(sim_direct_create(&s, M "/t", ""), PK_Z_OK);
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, M "/t/%d", i);
        sim_local_create(&s, c, path, "");
    }
    int64_t pzxid = stat_of(M "/t").pzxid;
    assert_true(pzxid > upstream(M "/t")->pzxid && pzxid <= st()->newest_zxid + 1);
    wire_delete(&b, 2, M "/t/0", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_true(stat_of(M "/t").pzxid >= pzxid);
    wire_create_as(&b, 3, PK_OP_CREATE, PK_CREATE_SEQUENTIAL, M "/t/s",
                   ""); /* and all of it is the ensemble's */
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_int_equal(st()->znodes, 0);
    for (int i = 0; i < 80; i++) {
        sim_advance(&s, 1000000);
        assert_true(stat_of(M "/t").pzxid >= pzxid);
    }
    assert_true(stat_of(M "/t").pzxid == upstream(M "/t")->pzxid);
}

/* A znode that is created again has higher zxids than the one that was deleted, however often that was written. */
static void zxids_grow_over_a_delete(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, M "/t", ""), PK_Z_OK);
    sim_local_create(&s, c, M "/t/w", "");
    sim_beats(&s, c, M "/t/w", 20);
    int64_t mzxid = stat_of(M "/t/w").mzxid;
    assert_true(mzxid > st()->newest_zxid + 10);
    wire_delete(&b, 2, M "/t/w", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_true(stat_of(M "/t").pzxid <= st()->newest_zxid + 1);
    sim_local_create(&s, c, M "/t/w", "");
    struct pk_stat again = stat_of(M "/t/w");
    assert_true(again.czxid > mzxid && again.mzxid == again.czxid && again.pzxid == again.czxid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(write_in_flight_keeps_local_creates_out),
        CASE(local_create_prechecks_once),
        CASE(precheck_is_spoiled),
        CASE(relayed_create_in_flight),
        CASE(two_local_creates),
        CASE(no_local_create_under_closed_parents),
        CASE(bounds),
        CASE(relay_mode),
        CASE(nothing_before_admission),
        CASE(header_zxids),
        CASE(config_without_addresses),
        CASE(pzxid_does_not_fall_when_memory_forgets),
        CASE(zxids_grow_over_a_delete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
