/*
 * What a held client has left behind at its server is there again at the next one: its watches, each of which fires
 * once, its credentials, and what was in flight, as far as that may be asked again.
 */
#include "core/core.h"
#include "core/store/stats.h"
#include "tests/sim/hold_fixture.h"

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

/* A request of the type. */
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

/* When it is sent, and what has become of it when its server is lost. */
enum moment { UNHEARD, EXECUTED, BEHIND_A_READ, IN_DOUBT, WHILE_HELD, WHILE_ATTACHED, MOMENTS };

static void lose_in_flight(int op, enum moment when)
{
    s.conns[c].hold = true;
    if (when == BEHIND_A_READ)
        wire_read(&b, 4, PK_OP_GET_DATA, "/storm", false);
    put_one(op);
    sim_go(&s, c, &b);
    sim_lose(&s, c, when == EXECUTED, SIM_UNHEARD);
    sim_pump(&s);
    s.conns[c].hold = false;
    sim_pump(&s);
}

static void ask_meanwhile(int op, enum moment when)
{
    s.server = when == IN_DOUBT ? SIM_QUIET : SIM_GONE;
    s.none_serves = when == WHILE_HELD;
    s.conns[c].mute = when == WHILE_ATTACHED;
    lose(c, SIM_ANSWERED);
    put_one(op);
    sim_go(&s, c, &b);
    expect_silence(c);
    s.server = SIM_GONE;
    s.none_serves = s.conns[c].mute = false;
    sim_pump(&s);
}

static void expect_answered(void)
{
    struct sim_frame f;
    assert_false(s.conns[c].closed);
    while (sim_frame(&s, c, &f) && (f.xid == PK_XID_NOTIFICATION || f.xid == 4))
        ;
    assert_int_equal(f.xid, 5);
    expect_silence(c);
    serves_on(c);
}

static void at_each_moment(int op, bool again)
{
    for (enum moment when = UNHEARD; when < MOMENTS; when++) {
        core_teardown(NULL);
        hold_setup(NULL);
        if (when < IN_DOUBT)
            lose_in_flight(op, when);
        else
            ask_meanwhile(op, when);
        if (again || when >= IN_DOUBT) {
            expect_answered();
            continue;
        }
        sim_expect_closed(&s, c, PK_CLOSE_NOT_HELD_WRITE);
        assert_int_equal(st()->held_write, 1);
    }
}

/* Asked again or the end, when it was in flight; asked once, when it came later. */
static void each_type_at_each_moment(void **state)
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
        at_each_moment(again[i], true);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        at_each_moment(never[i], false);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELD(each_watch_fires_once),
        HELD(watches_stand_on),
        HELD(what_was_removed_is_not_set),
        HELD(its_own_watches_stand_too),
        HELD(its_own_setWatches_is_asked_again),
        HELD(each_type_at_each_moment),
        HELD(credentials_are_shown_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
