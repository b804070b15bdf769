/*
 * A held client's session is taken up at another server: when, what that one may answer, and what happens when it is
 * lost again or memory is short in the middle.
 */
#include "core/core.h"
#include "core/store/stats.h"
#include "tests/sim/hold_fixture.h"

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
    hold_setup(NULL);
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
    for (uint64_t at = 0; at < 400; at++) {
        core_teardown(NULL);
        hold_setup(NULL);
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
    assert_in_range(parts, 1, 100);
}

enum { CONNECT_RESPONSE = 41 };

/* The server that takes the session up is silent while the watches are set, and is asked whether it serves. */
static void doubt_while_catching_up(void)
{
    core_teardown(NULL);
    hold_setup(NULL);
    assert_int_equal(sim_direct_create(&s, "/a", ""), 0);
    read_with_watch(c, 1, PK_OP_GET_DATA, "/a", PK_Z_OK);
    s.conns[c].deaf_after = CONNECT_RESPONSE + 1;
    lose(c, SIM_ANSWERED);
    assert_int_equal(st()->attaches, 1);
    s.server = SIM_QUIET;
    sim_advance(&s, 1500 * MS);
    assert_true(s.conns[c].asked);
    s.conns[c].deaf_after = 0;
}

static void expect_its_watch(void)
{
    sim_advance(&s, 500 * MS);
    expect_silence(c);
    assert_int_equal(sim_direct_set(&s, "/a", "x", -1), 0);
    sim_pump(&s);
    sim_expect_event(&s, c, PK_EVENT_DATA_CHANGED, "/a");
    expect_silence(c);
}

static void silent_while_watches_are_set(void **state)
{
    (void)state;
    for (int serves = 0; serves < 2; serves++) { /* it answers before it is known whether it serves */
        doubt_while_catching_up();
        sim_pump(&s);
        sim_server_says(&s, c, serves, 0);
        expect_its_watch();
        assert_int_equal(st()->attaches, 1);
    }
    doubt_while_catching_up();
    s.conns[c].deaf = true;
    s.server = SIM_GONE;
    sim_server_says(&s, c, false, 0);
    s.conns[c].deaf = false;
    expect_its_watch();
    assert_int_equal(st()->attaches, 2);
}

/* Once that changes nothing: whoever cannot be held is closed, and nothing leaks. */
static void short_of_memory(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 60; nth++) {
        core_teardown(NULL);
        hold_setup(NULL);
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

/* No server serves while the client speaks; when one does, it is silent: that would be a sign of life that it does not
 * give. */
static void who_fell_silent_waiting_for_a_server_is_not(void **state)
{
    (void)state;
    s.none_serves = true;
    serves_on(c);
    lose(c, SIM_ANSWERED);
    sim_advance(&s, T_US / 3 + 500 * MS);
    s.none_serves = false;
    sim_advance(&s, 500 * MS);
    assert_int_equal(st()->attaches, 0);
    wire_ping(&b);
    sim_go(&s, c, &b);
    sim_expect(&s, c, PK_XID_PING, PK_Z_OK, NULL);
    sim_advance(&s, 500 * MS);
    assert_int_equal(st()->attaches, 1);
    serves_on(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELD(other_answers_to_an_attach),
        HELD(a_lagging_follower_is_tried_again),
        HELD(lost_again_at_every_byte),
        HELD(silent_while_watches_are_set),
        HELD(short_of_memory),
        HELD(nobody_who_is_silent_is_attached),
        HELD(who_waits_for_an_answer_is),
        HELD(who_fell_silent_waiting_for_a_server_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
