/* Time: sessions kept alive exactly as long as their clients, dead uplinks, silent clients, the handshake. */
#include "base/histogram.h"
#include "tests/sim/core_fixture.h"

enum { T = 6000 }; /* ms */
static const int64_t T_US = (int64_t)T * 1000;

static void start_beating(void)
{
    c = sim_connect(&s, T);
    wire_create(&b, 1, M "/t", "");
    wire_create_as(&b, 2, PK_OP_CREATE, PK_CREATE_EPHEMERAL, "/storm/e", "");
    sim_go(&s, c, &b);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    sim_expect(&s, c, 2, PK_Z_OK, NULL);
}

static void beat(int xid)
{
    wire_read(&b, xid, PK_OP_EXISTS, M "/t", false);
    wire_set(&b, xid + 1, M "/t", "beat", -1);
    sim_go(&s, c, &b);
    sim_expect(&s, c, xid, PK_Z_OK, NULL);
    sim_expect(&s, c, xid + 1, PK_Z_OK, NULL);
}

/* The session does not expire, whatever c does. */
static void heard_of_elsewhere(void)
{
    zk_session(&s.zk, s.conns[c].session)->touched_ms = sim_wall_ms(&s);
}

static void beats_keep_alive(void **state)
{
    (void)state;
    start_beating();
    int64_t session = s.conns[c].session;
    uint64_t writes = s.zk.writes, before = s.conns[c].requests;
    for (int i = 0; i < 60; i++) {
        sim_advance(&s, T_US / 12);
        beat(10 + 2 * i);
    }
    assert_non_null(zk_session(&s.zk, session));
    assert_false(s.conns[c].closed);
    assert_int_equal(s.zk.writes, writes);
    assert_in_range(s.conns[c].pings, 15, 30);
    assert_int_equal(s.conns[c].requests - before, s.conns[c].pings);
    assert_int_equal(st()->keepalives, s.conns[c].pings);
    assert_non_null(upstream("/storm/e"));
}

/* Slow beats: one each two thirds of the timeout is just enough, as it is for a client without a proxy. */
static void slow_beats(void **state)
{
    (void)state;
    start_beating();
    for (int i = 0; i < 10; i++) {
        sim_advance(&s, T_US * 5 / 6);
        beat(10 + 2 * i);
    }
    assert_non_null(zk_session(&s.zk, s.conns[c].session));
}

/* A beat behind an answer that is owed shows when its client lived, not when it is answered. */
static void a_beat_that_waited_is_no_sign_of_life(void **state)
{
    (void)state;
    start_beating();
    s.conns[c].hold = true;
    wire_read(&b, 10, PK_OP_EXISTS, "/storm", false);
    wire_set(&b, 11, M "/t", "beat", -1);
    sim_go(&s, c, &b);
    sim_advance(&s, T_US / 2);
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect(&s, c, 10, PK_Z_OK, NULL);
    sim_expect(&s, c, 11, PK_Z_OK, NULL);
    assert_int_equal(s.conns[c].pings, 0);
    beat(12);
    assert_int_equal(s.conns[c].pings, 1);
}

static void no_ping_when_fresh(void **state)
{
    (void)state;
    start_beating();
    sim_advance(&s, T_US / 6);
    beat(10);
    assert_int_equal(s.conns[c].pings, 0);
    s.now_us += 1;
    beat(12);
    assert_int_equal(s.conns[c].pings, 1);
    beat(14);
    sim_advance(&s, T_US / 6);
    beat(16);
    assert_int_equal(s.conns[c].pings, 1);
}

/* After the client's last sign nothing is sent upstream: the session dies within (5/6 T, T + a tick). */
static void dead_client(void **state)
{
    (void)state;
    for (int phase = 0; phase < 8; phase++) {
        start_beating();
        int64_t session = s.conns[c].session, last = s.now_us;
        for (int i = 0; i < 20; i++) {
            sim_advance(&s, T_US / 13 + phase * 11000);
            beat(10 + 2 * i);
            last = s.now_us;
        }
        uint64_t sent = s.conns[c].requests;
        while (zk_session(&s.zk, session) != NULL && s.now_us - last < 3 * T_US)
            sim_advance(&s, 10000);
        int64_t lived = s.now_us - last;
        assert_true(lived > T_US * 5 / 6 && lived <= T_US + (ZK_TICK_MS + 20) * 1000);
        assert_int_equal(s.conns[c].requests, sent);
        assert_null(upstream("/storm/e"));
        sim_expect_closed(&s, c, PK_CLOSE_UPLINK_LOST);
        int again = sim_connect(&s, T);
        wire_delete(&b, 1, M "/t", -1);
        sim_call(&s, again, &b, PK_Z_OK, NULL);
        sim_leave(&s, again);
        sim_pump(&s);
    }
}

static void client_pings_are_relayed(void **state)
{
    (void)state;
    start_beating();
    for (int i = 0; i < 40; i++) {
        sim_advance(&s, T_US / 5);
        if (i % 3 != 1)
            beat(10 + 2 * i);
        wire_op(&b, i % 2 ? PK_XID_PING : 77, PK_OP_PING);
        sim_go(&s, c, &b);
        sim_expect(&s, c, PK_XID_PING, PK_Z_OK, NULL);
    }
    struct sim_frame f;
    assert_false(sim_frame(&s, c, &f));
    assert_true(s.conns[c].pings > 40);
}

/* Answers to our pings and to the client's, mixed and late: the client gets exactly its own. */
static void pings_in_flight(void **state)
{
    (void)state;
    start_beating();
    int mine = 0;
    struct sim_frame f;
    s.conns[c].hold = true;
    for (int i = 0; i < 12; i++) {
        s.now_us += T_US / 5;
        heard_of_elsewhere();
        wire_set(&b, 100 + i, M "/t", "x", -1);
        for (int k = 0; k < i % 3; k++, mine++)
            wire_ping(&b);
        sim_go(&s, c, &b);
        sim_expect(&s, c, 100 + i, PK_Z_OK, NULL);
    }
    assert_false(sim_frame(&s, c, &f));
    s.conns[c].hold = false;
    sim_pump(&s);
    for (int i = 0; i < mine; i++)
        sim_expect(&s, c, PK_XID_PING, PK_Z_OK, NULL);
    assert_false(sim_frame(&s, c, &f));
    assert_int_equal(s.conns[c].pings, mine + 12);
}

static void dead_uplink(void **state)
{
    (void)state;
    start_beating();
    s.conns[c].hold = true;
    wire_read(&b, 5, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, c, &b);
    sim_advance(&s, T_US * 2 / 3);
    assert_false(s.conns[c].closed);
    sim_advance(&s, 500000);
    sim_expect_closed(&s, c, PK_CLOSE_UPLINK_SILENT);
    assert_int_equal(s.conns[c].got.len, s.conns[c].got_off);
}

/* The process itself was stopped: what the ensemble sent meanwhile has not been read when the first tick comes. */
static void late_tick_condemns_nobody(void **state)
{
    (void)state;
    start_beating();
    s.conns[c].hold = true;
    wire_read(&b, 5, PK_OP_EXISTS, "/storm", false);
    sim_send(&s, c, &b);
    sim_advance(&s, 250000);
    s.now_us += T_US;
    heard_of_elsewhere();
    zk_time(&s.zk, sim_wall_ms(&s));
    sim_step(&s, -1, PK_TICK, NULL, 0);
    sim_release(&s, c, 1);
    sim_pump(&s);
    sim_advance(&s, 500000);
    assert_false(s.conns[c].closed);
    sim_expect(&s, c, 5, PK_Z_OK, NULL);
}

static void slow_uplink_is_not_dead(void **state)
{
    (void)state;
    start_beating();
    for (int i = 0; i < 30; i++)
        wire_read(&b, 5 + i, PK_OP_EXISTS, "/storm", false);
    s.conns[c].hold = true;
    sim_go(&s, c, &b);
    for (int i = 0; i < 30; i++) {
        sim_advance(&s, T_US / 3);
        heard_of_elsewhere();
        sim_release(&s, c, 1);
        sim_expect(&s, c, 5 + i, PK_Z_OK, NULL);
    }
}

static void idle_is_not_dead(void **state)
{
    (void)state;
    start_beating();
    for (int i = 0; i < 40; i++) {
        sim_advance(&s, T_US / 4);
        heard_of_elsewhere();
    }
    assert_false(s.conns[c].closed);
    beat(10);
}

/* A reply of many bytes that comes slowly is life. */
static void trickling_reply(void **state)
{
    (void)state;
    start_beating();
    wire_read(&b, 5, PK_OP_GET_DATA, "/storm", false);
    s.chunk = 1;
    s.conns[c].deaf = true;
    sim_go(&s, c, &b);
    size_t len = s.conns[c].uplink.todo.len - s.conns[c].uplink.off;
    assert_true(len > 60);
    for (size_t i = 0; i < len; i++) {
        s.now_us += T_US / 2;
        sim_step(&s, c, PK_UPLINK_BYTES, s.conns[c].uplink.todo.p + s.conns[c].uplink.off++, 1);
        sim_step(&s, -1, PK_TICK, NULL, 0);
        assert_false(s.conns[c].closed);
    }
    sim_expect(&s, c, 5, PK_Z_OK, NULL);
}

static void handshake_timeout(void **state)
{
    (void)state;
    int silent = sim_open(&s), slow = sim_open(&s);
    for (int i = 0; i < 9; i++) {
        sup_byte(&b, i == 3 ? 45 : 0);
        sim_send(&s, slow, &b);
        sup_buf_reset(&b);
        sim_advance(&s, 1000000);
        assert_false(s.conns[slow].closed);
    }
    assert_false(s.conns[silent].closed);
    sim_advance(&s, 1500000);
    assert_true(s.conns[silent].closed);
    sim_expect_closed(&s, slow, PK_CLOSE_HANDSHAKE_TIMEOUT);
    assert_int_equal(st()->closed_handshake, 2);
}

/* c asks for a session, and hears nothing of its server. */
static void come_to_a_silent_server(int timeout_ms)
{
    c = sim_open(&s);
    wire_connect(&b, 0, timeout_ms, 0, 0);
    sim_send(&s, c, &b);
    sup_buf_reset(&b);
    s.conns[c].deaf = true;
    sim_pump(&s);
}

/* A server that accepts and then says nothing is left for another one. */
static void silent_server(void **state)
{
    (void)state;
    come_to_a_silent_server(T);
    assert_int_equal(s.conns[c].opened, 1);
    sim_advance(&s, 900000);
    assert_int_equal(s.conns[c].opened, 1);
    sim_advance(&s, 600000);
    assert_int_equal(s.conns[c].opened, 2);
    s.conns[c].deaf = false;
    sim_pump(&s);
    assert_int_equal(s.conns[c].got.len, WIRE_CONNECT_REPLY);
    assert_false(s.conns[c].closed);
}

/* Once a client that asked for 40 minutes waited 400 s for a server that hung. */
static void silent_server_and_a_huge_timeout(void **state)
{
    (void)state;
    static const int timeouts[] = {40 * 60 * 1000, INT32_MAX};
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        come_to_a_silent_server(timeouts[i]);
        sim_advance(&s, 4500000);
        assert_int_equal(s.conns[c].opened, 1);
        sim_advance(&s, 1000000);
        assert_int_equal(s.conns[c].opened, 2);
    }
}

/* One that lets others in meanwhile is slow, as the next would be. Once it was left after a second. */
static void slow_server(void **state)
{
    (void)state;
    come_to_a_silent_server(T);
    for (int i = 0; i < 6; i++) {
        sim_advance(&s, 700000);
        (void)sim_connect(&s, T);
        assert_int_equal(s.conns[c].opened, 1);
    }
    sim_advance(&s, 900000);
    assert_int_equal(s.conns[c].opened, 2);
    sim_advance(&s, 1100000);
    assert_int_equal(s.conns[c].opened, 3);
}

/* The timeout that counts is the negotiated one. */
static void negotiated_timeout(void **state)
{
    (void)state;
    c = sim_connect(&s, 1);
    struct core_conn_info info;
    assert_int_equal(s.conns[c].timeout_ms, 4000);
    assert_true(core_conn_info(s.core, s.conns[c].id, &info));
    assert_int_equal(info.timeout_ms, 4000);
    assert_true(info.session_id == s.conns[c].session);
    c = sim_connect(&s, 1000000);
    assert_true(core_conn_info(s.core, s.conns[c].id, &info));
    assert_int_equal(info.timeout_ms, 40000);
}

/* One jump of the wall clock ahead once made every time that followed stay there; only a znode's own may not fall. */
static void wall_clock_jumps(void **state)
{
    (void)state;
    struct sim_frame f;
    start_beating();
    s.wall_jump_ms = 3600000;
    beat(10);
    int64_t ahead = sim_wall_ms(&s) + s.wall_jump_ms;
    s.wall_jump_ms = -900000;
    int64_t behind = sim_wall_ms(&s) + s.wall_jump_ms;
    wire_create_as(&b, 20, PK_OP_CREATE2, PK_CREATE_PERSISTENT, M "/later", "");
    sim_call(&s, c, &b, PK_Z_OK, &f);
    assert_int_equal(sim_stat(&f).ctime, behind);
    assert_int_equal(sim_stat(&f).mtime, behind);
    wire_set(&b, 21, M "/t", "beat", -1);
    sim_call(&s, c, &b, PK_Z_OK, &f);
    assert_int_equal(sim_stat(&f).mtime, ahead);
    assert_int_equal(sim_stat(&f).version, 2);
}

static uint64_t lately(void)
{
    static struct pk_histogram beats;
    core_beats_lately(s.core, &beats);
    return beats.total;
}

/* What mntr shows of latencies is that of the last minute; what a scraper reads goes on. */
static void latencies_are_those_of_the_last_minute(void **state)
{
    (void)state;
    start_beating();
    beat(10);
    uint64_t all = lately();
    assert_true(all > 0);
    for (int i = 0; i < 50 * 4 / 3; i++) {
        sim_advance(&s, 750000);
        heard_of_elsewhere();
    }
    assert_int_equal(lately(), all);
    for (int i = 0; i < 30 * 4 / 3; i++) {
        sim_advance(&s, 750000);
        heard_of_elsewhere();
    }
    assert_int_equal(lately(), 0);
    beat(20);
    assert_int_equal(lately(), 1);
    assert_int_equal(core_beats_within(s.core, INT64_MAX), all + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE_ALONE(beats_keep_alive),
        CASE_ALONE(slow_beats),
        CASE_ALONE(no_ping_when_fresh),
        CASE_ALONE(a_beat_that_waited_is_no_sign_of_life),
        CASE_ALONE(dead_client),
        CASE_ALONE(client_pings_are_relayed),
        CASE_ALONE(pings_in_flight),
        CASE_ALONE(dead_uplink),
        CASE_ALONE(late_tick_condemns_nobody),
        CASE_ALONE(slow_uplink_is_not_dead),
        CASE_ALONE(idle_is_not_dead),
        CASE_ALONE(trickling_reply),
        CASE_ALONE(handshake_timeout),
        CASE_ALONE(silent_server),
        CASE_ALONE(silent_server_and_a_huge_timeout),
        CASE_ALONE(slow_server),
        CASE_ALONE(negotiated_timeout),
        CASE_ALONE(wall_clock_jumps),
        CASE_ALONE(latencies_are_those_of_the_last_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
