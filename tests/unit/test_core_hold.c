/*
 * A client whose server is lost is held: it notices nothing, as long as nothing uncertain is in flight, and is told
 * nothing for longer than it would have believed in its session directly.
 */
#include "core/core.h"
#include "core/store/stats.h"
#include "tests/sim/hold_fixture.h"

static void an_idle_client_notices_nothing(void **state)
{
    (void)state;
    int64_t session = s.conns[c].session;
    lose(c, SIM_ANSWERED);
    expect_silence(c);
    assert_int_equal(st()->holds, 1);
    assert_int_equal(st()->attaches, 1);
    assert_int_equal(st()->held, 0);
    assert_int_equal(core_holds_within(s.core, INT64_MAX), 1);
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

/* Whatever it asks meanwhile: the server's last word counts. */
static void a_write_does_not_put_off_the_deadline(void **state)
{
    (void)state;
    serves_on(c);
    int64_t heard_us = s.now_us;
    s.conns[c].hold = true;
    sim_advance(&s, 3000 * MS);
    wire_set(&b, 1, "/storm", "x", -1);
    sim_go(&s, c, &b);
    while (!s.conns[c].closed && s.now_us < heard_us + 2 * T_US)
        sim_advance(&s, 250 * MS);
    sim_expect_closed(&s, c, PK_CLOSE_UPLINK_SILENT);
    assert_in_range(s.now_us - heard_us, T_US * 2 / 3, T_US * 2 / 3 + 500 * MS);
}

/* Who had nothing to ask for long has a moment for the answer. */
static void who_asks_late_is_answered(void **state)
{
    (void)state;
    serves_on(c);
    sim_advance(&s, T_US * 2 / 3 + 1000 * MS);
    s.conns[c].hold = true;
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, c, &b);
    sim_advance(&s, 500 * MS);
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
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

/* The writer is gone, who waits for its writes is held, and the service session finds no server either: once these
 * writes were given up. */
static void absorbed_writes_outlive_every_server(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, M "/v", "before"), PK_Z_OK);
    sim_beats(&s, c, M "/v", 1);
    sim_beats(&s, c, M "/v", 2);
    assert_int_equal(st()->dirty, 1);
    s.conns[c].hold = s.conns[other].hold = true;
    s.server = SIM_SERVES;
    s.service_hold = true;
    lose(c, SIM_UNHEARD);
    sim_expect_closed(&s, c, PK_CLOSE_UPLINK_LOST);
    wire_set(&b, 4, M "/v", "newest", -1);
    sim_go(&s, other, &b);
    s.server = SIM_GONE;
    s.none_serves = true;
    s.service_fail = 3 * SIM_SERVERS;
    lose(other, SIM_UNHEARD);
    sim_lose(&s, sim_service(&s), 0, SIM_UNHEARD);
    sim_advance(&s, 3000 * MS);
    expect_silence(other);
    assert_int_equal(st()->dirty, 1);
    s.conns[other].hold = s.service_hold = s.none_serves = false;
    s.service_fail = 0;
    sim_advance(&s, 2500 * MS);
    sim_expect(&s, other, 4, PK_Z_OK, NULL);
    assert_int_equal(st()->writes_dropped, 0);
    expect_upstream(M "/v", "newest", 4);
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
        HELD(pings_and_beats_meanwhile),
        HELD(nobody_is_held_beyond_the_deadline),
        HELD(a_silent_server_is_left),
        HELD(a_slow_one_is_not),
        HELD(a_write_keeps_its_silent_server),
        HELD(a_write_does_not_put_off_the_deadline),
        HELD(who_asks_late_is_answered),
        HELD(sasl_is_not_held),
        HELD(a_lasting_watch_is_not_held),
        HELD(an_expired_session_ends),
        HELD(a_session_that_moves_is_not_stolen),
        HELD(a_planned_change),
        HELD(absorbed_writes_outlive_every_server),
        HELD(a_loop_that_stood_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
