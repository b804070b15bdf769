/*
 * A client whose server is lost is held: it notices nothing, as long as nothing uncertain is in flight, and is told
 * nothing for longer than it would have believed in its session directly.
 */
#include "core/core.h"
#include "core/store/stats.h"
#include "tests/sim/core_fixture.h"

#include <stdio.h>

enum { T_US = 10 * 1000000, MS = 1000 };

static int setup(void **state)
{
    struct core_config config = sim_default_config;
    (void)state;
    config.hold = true;
    sim_init(&s, &config);
    s.server = SIM_GONE;
    c = sim_connect(&s, T_US / MS);
    other = sim_connect(&s, T_US / MS);
    return 0;
}
#define HELD(name) cmocka_unit_test_setup_teardown(name, setup, core_teardown)

/* The client's server goes, with what it was asked so far answered or not. */
static void lose(int who, enum sim_loss how)
{
    sim_lose(&s, who, 0, how);
    sim_pump(&s);
}

static void expect_silence(int who)
{
    struct sim_frame f;
    assert_false(sim_frame(&s, who, &f));
    assert_false(s.conns[who].closed);
}

static void read_with_watch(int who, int xid, int op, const char *path, int err)
{
    wire_read(&b, xid, op, path, true);
    sim_call(&s, who, &b, err, NULL);
}

static void serves_on(int who)
{
    wire_read(&b, 900, PK_OP_EXISTS, "/storm", false);
    sim_call(&s, who, &b, PK_Z_OK, NULL);
}

static void an_idle_client_notices_nothing(void **state)
{
    (void)state;
    int64_t session = s.conns[c].session;
    lose(c, SIM_ANSWERED);
    expect_silence(c);
    assert_int_equal(st()->holds, 1);
    assert_int_equal(st()->attaches, 1);
    assert_int_equal(st()->held, 0);
    assert_int_equal(s.zk.links[s.conns[c].link].session, session);
    serves_on(c);
}

static void off_unless_configured(void **state)
{
    (void)state;
    s.server = SIM_GONE;
    lose(c, SIM_ANSWERED);
    sim_expect_closed(&s, c, PK_CLOSE_UPLINK_LOST);
}

static void who_was_let_go_is_closed(void **state)
{
    (void)state;
    s.server = SIM_SERVES;
    lose(c, SIM_ANSWERED);
    sim_expect_closed(&s, c, PK_CLOSE_UPLINK_LOST);
    assert_int_equal(st()->held_let_go, 1);
    assert_int_equal(st()->holds, 0);
}

static void an_election_is_a_loss(void **state)
{
    (void)state;
    serves_on(c);
    s.server = SIM_SERVES;
    s.server_zxid = INT64_C(1) << 32;
    lose(c, SIM_ANSWERED);
    expect_silence(c);
    assert_int_equal(st()->attaches, 1);
}

static void each_watch_fires_once(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, "/a", ""), 0);
    assert_int_equal(sim_direct_create(&s, "/k", ""), 0);
    read_with_watch(c, 1, PK_OP_GET_DATA, "/a", PK_Z_OK);
    read_with_watch(c, 2, PK_OP_EXISTS, "/b", PK_Z_NO_NODE);
    read_with_watch(c, 3, PK_OP_GET_CHILDREN, "/k", PK_Z_OK);
    read_with_watch(c, 4, PK_OP_EXISTS, "/k", PK_Z_OK);
    s.none_serves = true;
    lose(c, SIM_ANSWERED);
    assert_int_equal(sim_direct_set(&s, "/a", "x", -1), 0);
    assert_int_equal(sim_direct_create(&s, "/b", ""), 0);
    assert_int_equal(sim_direct_delete(&s, "/k"), 0);
    sim_advance(&s, MS * 1000);
    expect_silence(c);
    s.none_serves = false;
    sim_pump(&s);
    int events = 0, deleted = 0;
    struct sim_frame f;
    while (sim_frame(&s, c, &f)) {
        assert_int_equal(f.xid, PK_XID_NOTIFICATION);
        events++;
        deleted += sup_be32(f.body) == PK_EVENT_DELETED;
    }
    assert_int_equal(events, 3);
    assert_int_equal(deleted, 1);
    assert_int_equal(st()->held_events, 1); /* data and child watch of one path */
    assert_int_equal(sim_direct_set(&s, "/a", "y", -1), 0);
    sim_pump(&s);
    expect_silence(c);
}

static void watches_stand_on(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, "/a", ""), 0);
    read_with_watch(c, 1, PK_OP_GET_DATA, "/a", PK_Z_OK);
    lose(c, SIM_ANSWERED);
    lose(c, SIM_ANSWERED);
    expect_silence(c);
    assert_int_equal(sim_direct_set(&s, "/a", "x", -1), 0);
    sim_pump(&s);
    sim_expect_event(&s, c, PK_EVENT_DATA_CHANGED, "/a");
    lose(c, SIM_ANSWERED);
    expect_silence(c);
}

static void what_was_removed_is_not_set(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, "/a", ""), 0);
    read_with_watch(c, 1, PK_OP_GET_DATA, "/a", PK_Z_OK);
    size_t mark = wire_begin(&b, 2, PK_OP_REMOVE_WATCHES);
    sup_str(&b, "/a");
    sup_int(&b, 2);
    wire_end(&b, mark);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    lose(c, SIM_ANSWERED);
    assert_int_equal(sim_direct_set(&s, "/a", "x", -1), 0);
    sim_pump(&s);
    expect_silence(c);
}

/* Its own setWatches, of three paths. */
static void put_own(int xid, int64_t zxid)
{
    size_t mark = wire_begin(&b, xid, PK_OP_SET_WATCHES);
    sup_long(&b, zxid);
    sup_int(&b, 1);
    sup_str(&b, "/a");
    sup_int(&b, 1);
    sup_str(&b, "/missing");
    sup_int(&b, 1);
    sup_str(&b, "/storm");
    wire_end(&b, mark);
}

static void its_own_watches_stand_too(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, "/a", ""), 0);
    put_own(-8, s.zk.tree.zxid);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    lose(c, SIM_ANSWERED);
    assert_int_equal(sim_direct_set(&s, "/a", "x", -1), 0);
    assert_int_equal(sim_direct_create(&s, "/missing", ""), 0);
    assert_int_equal(sim_direct_create(&s, "/storm/n", ""), 0);
    sim_pump(&s);
    sim_expect_event(&s, c, PK_EVENT_DATA_CHANGED, "/a");
    sim_expect_event(&s, c, PK_EVENT_CREATED, "/missing");
    sim_expect_event(&s, c, PK_EVENT_CHILDREN_CHANGED, "/storm");
    expect_silence(c);
}

static void its_own_setWatches_is_asked_again(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, "/a", ""), 0);
    int64_t zxid = s.zk.tree.zxid;
    assert_int_equal(sim_direct_set(&s, "/a", "x", -1), 0);
    serves_on(c); /* what the client has seen since is newer than what its setWatches says */
    s.conns[c].hold = true;
    put_own(-8, zxid);
    sim_go(&s, c, &b);
    lose(c, SIM_UNHEARD);
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect_event(&s, c, PK_EVENT_DATA_CHANGED, "/a");
    sim_expect(&s, c, -8, PK_Z_OK, NULL);
    expect_silence(c);
}

/* Each request type in flight: asked again, or the end. */
static void put_one(int op)
{
    size_t mark;
    switch (op) {
    case PK_OP_MULTI:
    case PK_OP_MULTI_READ:
        mark = wire_multi(&b, 5, op);
        if (op == PK_OP_MULTI)
            wire_multi_check(&b, "/storm", -1);
        else
            wire_multi_read(&b, PK_OP_GET_DATA, "/storm");
        wire_multi_end(&b, mark);
        break;
    case PK_OP_AUTH:
        wire_user(&b, 5, "u");
        break;
    case PK_OP_SET_WATCHES:
        put_own(5, 0);
        break;
    case PK_OP_CREATE:
        wire_create(&b, 5, "/n", "");
        break;
    case PK_OP_SET_DATA:
        wire_set(&b, 5, "/storm", "", -1);
        break;
    case PK_OP_DELETE:
        wire_delete(&b, 5, "/storm", 99);
        break;
    case PK_OP_SET_ACL:
        wire_set_acl(&b, 5, "/storm", -1);
        break;
    case PK_OP_ADD_WATCH:
        wire_add_watch(&b, 5, "/storm", PK_WATCH_PERSISTENT);
        break;
    case PK_OP_REMOVE_WATCHES:
    case PK_OP_CHECK_WATCHES:
        mark = wire_begin(&b, 5, op);
        sup_str(&b, "/storm");
        sup_int(&b, 3);
        wire_end(&b, mark);
        break;
    case PK_OP_SYNC:
    case PK_OP_GET_ACL:
    case PK_OP_GET_ALL_CHILDREN_NUMBER:
        wire_path(&b, 5, op, "/storm");
        break;
    case PK_OP_WHO_AM_I:
    case PK_OP_RECONFIG:
        wire_op(&b, 5, op);
        break;
    default:
        wire_read(&b, 5, op, "/storm", op == PK_OP_EXISTS);
        break;
    }
}

static void in_flight(int op, bool again, enum sim_loss how)
{
    struct sim_frame f;
    core_teardown(NULL);
    setup(NULL);
    s.conns[c].hold = true;
    put_one(op);
    sim_go(&s, c, &b);
    lose(c, how);
    s.conns[c].hold = false;
    sim_pump(&s);
    if (!again) {
        sim_expect_closed(&s, c, PK_CLOSE_NOT_HELD_WRITE);
        assert_int_equal(st()->held_write, 1);
        return;
    }
    assert_false(s.conns[c].closed);
    while (sim_frame(&s, c, &f) && f.xid == PK_XID_NOTIFICATION)
        ;
    assert_int_equal(f.xid, 5);
    expect_silence(c);
    serves_on(c);
}

static void each_type_in_flight(void **state)
{
    static const int again[] = {PK_OP_EXISTS,         PK_OP_GET_DATA,      PK_OP_GET_CHILDREN,
                                PK_OP_GET_CHILDREN2,  PK_OP_GET_ACL,       PK_OP_SYNC,
                                PK_OP_MULTI_READ,     PK_OP_AUTH,          PK_OP_SET_WATCHES,
                                PK_OP_REMOVE_WATCHES, PK_OP_CHECK_WATCHES, PK_OP_GET_ALL_CHILDREN_NUMBER,
                                PK_OP_WHO_AM_I};
    static const int never[] = {PK_OP_MULTI,   PK_OP_CREATE,    PK_OP_SET_DATA, PK_OP_DELETE,
                                PK_OP_SET_ACL, PK_OP_ADD_WATCH, PK_OP_RECONFIG};
    (void)state;
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++)
        in_flight(again[i], true, SIM_UNHEARD);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        in_flight(never[i], false, SIM_UNHEARD);
}

static void pings_and_beats_meanwhile(void **state)
{
    struct sim_frame f;
    (void)state;
    sim_local_create(&s, c, M "/w", "beat");
    sim_advance(&s, 3000 * MS);
    s.conns[c].hold = true;
    s.none_serves = true;
    wire_ping(&b);
    sim_go(&s, c, &b);
    expect_silence(c);
    lose(c, SIM_UNHEARD);
    sim_expect(&s, c, PK_XID_PING, PK_Z_OK, &f); /* the one that the lost server owed */
    wire_set(&b, 7, M "/w", "again", -1);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 7, PK_Z_OK, NULL);
    wire_read(&b, 8, PK_OP_GET_DATA, "/storm", false);
    wire_ping(&b);
    sim_go(&s, c, &b);
    sim_expect(&s, c, PK_XID_PING, PK_Z_OK, &f);
    expect_silence(c);
    s.conns[c].hold = s.none_serves = false;
    sim_pump(&s);
    sim_expect(&s, c, 8, PK_Z_OK, NULL);
}

static void nobody_is_held_beyond_the_deadline(void **state)
{
    (void)state;
    s.none_serves = true;
    serves_on(c);
    int64_t heard_us = s.now_us;
    sim_advance(&s, 1000 * MS);
    lose(c, SIM_ANSWERED);
    while (!s.conns[c].closed && s.now_us < heard_us + T_US) {
        wire_ping(&b);
        sim_go(&s, c, &b);
        sim_advance(&s, 250 * MS);
    }
    sim_expect_closed(&s, c, PK_CLOSE_HOLD_DEADLINE);
    assert_in_range(s.now_us - heard_us, T_US * 2 / 3 - 500 * MS, T_US * 2 / 3);
    assert_int_equal(st()->held_deadline, 1);
}

static void nobody_who_is_silent_is_attached(void **state)
{
    (void)state;
    serves_on(c);
    sim_advance(&s, T_US / 3 + 300 * MS);
    lose(c, SIM_ANSWERED);
    sim_advance(&s, 500 * MS);
    assert_int_equal(st()->attaches, 0);
    wire_ping(&b);
    sim_go(&s, c, &b);
    sim_expect(&s, c, PK_XID_PING, PK_Z_OK, NULL);
    assert_int_equal(st()->attaches, 0); /* not before all that was readable has been read */
    sim_advance(&s, 500 * MS);
    assert_int_equal(st()->attaches, 1);
    serves_on(c);
}

static void who_waits_for_an_answer_is(void **state)
{
    (void)state;
    s.conns[c].hold = true;
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, c, &b);
    s.server = SIM_QUIET;
    sim_advance(&s, T_US / 3 + 300 * MS);
    s.server = SIM_GONE;
    lose(c, SIM_UNHEARD);
    s.conns[c].hold = false;
    sim_advance(&s, 500 * MS);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
}

static void a_silent_server_is_left(void **state)
{
    (void)state;
    s.conns[c].hold = true;
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, c, &b);
    sim_advance(&s, 750 * MS);
    assert_int_equal(s.asks, 0);
    sim_advance(&s, 500 * MS);
    assert_int_equal(s.asks, 1);
    assert_int_equal(st()->holds, 1);
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
}

static void a_slow_one_is_not(void **state)
{
    (void)state;
    s.server = SIM_SERVES;
    s.conns[c].hold = true;
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, c, &b);
    sim_advance(&s, 5000 * MS);
    assert_in_range(s.asks, 3, 6);
    assert_int_equal(st()->holds, 0);
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
}

static void a_write_keeps_its_silent_server(void **state)
{
    (void)state;
    s.conns[c].hold = true;
    wire_set(&b, 1, "/storm", "x", -1);
    sim_go(&s, c, &b);
    sim_advance(&s, 5000 * MS);
    assert_int_equal(st()->holds, 0);
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
}

static void credentials_are_shown_again(void **state)
{
    (void)state;
    wire_user(&b, -4, "u");
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, c, &b);
    sim_expect(&s, c, -4, PK_Z_OK, NULL);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    lose(c, SIM_ANSWERED);
    expect_silence(c);
    assert_string_equal(s.zk.links[s.conns[c].link].user, "u");
    s.zk.refuse_auth = true;
    lose(c, SIM_ANSWERED);
    sim_expect_closed(&s, c, PK_CLOSE_HOLD_AUTH);
}

static void sasl_is_not_held(void **state)
{
    (void)state;
    wire_sasl(&b, 1, NULL);
    sim_go(&s, c, &b);
    lose(c, SIM_ANSWERED);
    sim_expect_closed(&s, c, PK_CLOSE_NOT_HELD_SASL);
    assert_int_equal(st()->held_sasl, 1);
}

static void a_lasting_watch_is_not_held(void **state)
{
    (void)state;
    wire_add_watch(&b, 1, "/storm", PK_WATCH_PERSISTENT_RECURSIVE);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    lose(c, SIM_ANSWERED);
    sim_expect_closed(&s, c, PK_CLOSE_NOT_HELD_LASTING);
}

static void an_expired_session_ends(void **state)
{
    (void)state;
    s.none_serves = true;
    lose(c, SIM_ANSWERED);
    zk_session(&s.zk, s.conns[c].session)->alive = false;
    s.none_serves = false;
    sim_pump(&s);
    sim_expect_closed(&s, c, PK_CLOSE_SESSION_INVALID);
    assert_int_equal(st()->held_expired, 1);
}

/* The server's answer to an attach, by hand. */
static void answer_attach(int timeout, int64_t session, int read_only)
{
    struct sup_buf *todo = &s.conns[c].uplink.todo;
    sup_int(todo, 37);
    sup_int(todo, 0);
    sup_int(todo, timeout);
    sup_long(todo, session);
    sup_int(todo, 16);
    sup_raw(todo, "0123456789abcdef", 16);
    sup_byte(todo, read_only);
    sim_pump(&s);
}

static void attach_by_hand(void)
{
    core_teardown(NULL);
    setup(NULL);
    s.none_serves = true;
    lose(c, SIM_ANSWERED);
    s.conns[c].mute = true;
    s.none_serves = false;
    sim_pump(&s);
    assert_true(s.conns[c].up);
}

static void other_answers_to_an_attach(void **state)
{
    (void)state;
    attach_by_hand();
    answer_attach(T_US / MS, s.conns[c].session, 0);
    expect_silence(c);
    assert_int_equal(st()->attaches, 1);
    attach_by_hand();
    answer_attach(T_US / MS - 1, s.conns[c].session, 0);
    sim_expect_closed(&s, c, PK_CLOSE_HOLD_TIMEOUT);
    attach_by_hand();
    answer_attach(0, 0, 0);
    sim_expect_closed(&s, c, PK_CLOSE_SESSION_INVALID);
    attach_by_hand();
    answer_attach(T_US / MS, s.conns[c].session, 1);
    sim_expect_closed(&s, c, PK_CLOSE_NOT_HELD_READ_ONLY);
    attach_by_hand(); /* nothing: it is not given up while the server serves */
    s.server = SIM_SERVES;
    sim_advance(&s, 3000 * MS);
    assert_int_equal(s.conns[c].opened, 1);
    assert_true(s.conns[c].up);
    s.server = SIM_GONE;
    s.conns[c].mute = false;
    sim_advance(&s, 1500 * MS);
    assert_int_equal(st()->attaches, 1);
    expect_silence(c);
}

static void a_lagging_follower_is_tried_again(void **state)
{
    (void)state;
    s.conns[c].refuse = 7;
    lose(c, SIM_ANSWERED);
    expect_silence(c);
    assert_int_equal(st()->attaches, 1);
}

/* The attach and what follows, cut at every byte by another loss. */
static void lost_again_at_every_byte(void **state)
{
    int parts = 0; /* of an answer that is passing through when the server is lost */
    (void)state;
    for (uint64_t at = 0; at < 400; at += at < 60 ? 1 : 7) {
        core_teardown(NULL);
        setup(NULL);
        assert_int_equal(sim_direct_create(&s, "/a", ""), 0);
        read_with_watch(c, 1, PK_OP_GET_DATA, "/a", PK_Z_OK);
        s.conns[c].hold = true;
        wire_read(&b, 2, PK_OP_GET_CHILDREN, "/storm", true);
        wire_read(&b, 3, PK_OP_EXISTS, "/none", true);
        sim_go(&s, c, &b);
        s.conns[c].deaf_after = at + 1;
        lose(c, SIM_UNHEARD);
        s.conns[c].hold = false;
        sim_pump(&s);
        s.conns[c].deaf_after = 0;
        lose(c, SIM_UNHEARD);
        sim_advance(&s, 500 * MS);
        parts += s.conns[c].closed;
        if (s.conns[c].closed) {
            sim_expect_closed(&s, c, PK_CLOSE_NOT_HELD_PART);
            continue;
        }
        assert_int_equal(sim_direct_set(&s, "/a", "x", -1), 0);
        sim_pump(&s);
        sim_expect(&s, c, 2, PK_Z_OK, NULL);
        sim_expect(&s, c, 3, PK_Z_NO_NODE, NULL);
        sim_expect_event(&s, c, PK_EVENT_DATA_CHANGED, "/a");
        expect_silence(c);
    }
    assert_in_range(parts, 1, 20);
}

static void a_session_that_moves_is_not_stolen(void **state)
{
    (void)state;
    s.none_serves = true;
    lose(c, SIM_ANSWERED);
    int again = sim_open(&s);
    wire_connect(&b, s.conns[c].session, T_US / MS, 0, 0);
    s.conns[again].hold = true;
    sim_go(&s, again, &b);
    s.none_serves = false;
    sim_advance(&s, 500 * MS);
    sim_expect_closed(&s, c, PK_CLOSE_FENCED);
    assert_int_equal(st()->attaches, 0);
}

static void a_planned_change(void **state)
{
    (void)state;
    read_with_watch(c, 1, PK_OP_GET_CHILDREN, "/storm", PK_Z_OK);
    s.server = SIM_SERVES;
    s.conns[c].hold = true;
    wire_set(&b, 2, "/storm", "x", -1);
    sim_go(&s, c, &b);
    sim_step(&s, c, PK_UPLINK_LEAVE, NULL, 0);
    sim_advance(&s, 3000 * MS);
    assert_int_equal(st()->holds, 0);
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect(&s, c, 2, PK_Z_OK, NULL);
    sim_advance(&s, 500 * MS);
    assert_int_equal(st()->attaches, 1);
    expect_silence(c);
    assert_int_equal(sim_direct_create(&s, "/storm/n", ""), 0);
    sim_pump(&s);
    sim_expect_event(&s, c, PK_EVENT_CHILDREN_CHANGED, "/storm");
}

/* Once that changes nothing: whoever cannot be held is closed, and nothing leaks. */
static void short_of_memory(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 60; nth++) {
        core_teardown(NULL);
        setup(NULL);
        assert_int_equal(sim_direct_create(&s, "/a", ""), 0);
        read_with_watch(c, 1, PK_OP_GET_DATA, "/a", PK_Z_OK);
        wire_user(&b, -4, "u");
        sim_call(&s, c, &b, PK_Z_OK, NULL);
        s.conns[c].hold = true;
        wire_read(&b, 2, PK_OP_GET_CHILDREN, "/storm", true);
        sim_go(&s, c, &b);
        sup_mem_fail(&s.mem, nth);
        lose(c, SIM_UNHEARD);
        s.conns[c].hold = false;
        sim_pump(&s);
        sup_mem_fail(&s.mem, 0);
        sim_advance(&s, 1000 * MS);
        if (!s.conns[c].closed) {
            sim_expect(&s, c, 2, PK_Z_OK, NULL);
            serves_on(c);
        }
    }
}

static void a_loop_that_stood_still(void **state)
{
    (void)state;
    serves_on(c);
    sim_advance(&s, 250 * MS);
    s.server = SIM_QUIET;
    lose(c, SIM_ANSWERED);
    s.now_us += T_US / 2;
    wire_ping(&b);
    sim_go(&s, c, &b); /* sent nobody knows when */
    s.server = SIM_GONE;
    sim_pump(&s);
    assert_int_equal(st()->holds, 1);
    sim_step(&s, -1, PK_TICK, NULL, 0);
    sim_advance(&s, 500 * MS);
    assert_int_equal(st()->attaches, 0);
    wire_ping(&b);
    sim_go(&s, c, &b);
    sim_advance(&s, 500 * MS);
    assert_int_equal(st()->attaches, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELD(an_idle_client_notices_nothing),
        CASE(off_unless_configured),
        HELD(who_was_let_go_is_closed),
        HELD(an_election_is_a_loss),
        HELD(each_watch_fires_once),
        HELD(watches_stand_on),
        HELD(what_was_removed_is_not_set),
        HELD(its_own_watches_stand_too),
        HELD(its_own_setWatches_is_asked_again),
        HELD(each_type_in_flight),
        HELD(pings_and_beats_meanwhile),
        HELD(nobody_is_held_beyond_the_deadline),
        HELD(nobody_who_is_silent_is_attached),
        HELD(who_waits_for_an_answer_is),
        HELD(a_silent_server_is_left),
        HELD(a_slow_one_is_not),
        HELD(a_write_keeps_its_silent_server),
        HELD(credentials_are_shown_again),
        HELD(sasl_is_not_held),
        HELD(a_lasting_watch_is_not_held),
        HELD(an_expired_session_ends),
        HELD(other_answers_to_an_attach),
        HELD(a_lagging_follower_is_tried_again),
        HELD(lost_again_at_every_byte),
        HELD(a_session_that_moves_is_not_stolen),
        HELD(a_planned_change),
        HELD(short_of_memory),
        HELD(a_loop_that_stood_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
