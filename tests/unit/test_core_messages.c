/*
 * Messages of Pacemaker's clients: their order in pipelines, servers that are lost, clients that leave or are slow, and
 * what is no message.
 */
#include "tests/sim/pulse_fixture.h"

/* ---- order, pipelines, lost servers ---- */

static void replies_come_in_the_order_of_the_messages(void **state)
{
    (void)state;
    pulse_put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "x");
    pulse_put(PK_PULSE_GET, 1, "/workerbeats/t/n", NULL);
    pulse_put(PK_PULSE_LIST, 2, "/workerbeats", NULL);
    pulse_put(PK_PULSE_DELETE, 0, "/workerbeats/t", NULL);
    pulse_put(PK_PULSE_LIST, -7, "/workerbeats", NULL);
    pulse_put(PK_PULSE_CREATE_PATH, 3, "/x", NULL);
    sim_go(&s, p, &b);
    pulse_expect(p, PK_PULSE_SEND + 1, 1);
    assert_true(pk_bytes_eq(pulse_expect(p, PK_PULSE_GET + 1, 1).details, PK_BYTES("x")));
    struct pk_pulse m = pulse_expect(p, PK_PULSE_LIST + 1, 2);
    assert_string_equal(pulse_names(&m), "t");
    pulse_expect(p, PK_PULSE_DELETE + 1, 0);
    assert_int_equal(pulse_expect(p, PK_PULSE_LIST + 1, -7).nnodes, 0);
    pulse_expect(p, PK_PULSE_CREATE_PATH + 1, 3);
}

static void nobody_waits_for_what_another_asks(void **state)
{
    int q = sim_open_pacemaker(&s);
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    s.conns[sim_service(&s)].hold = true;
    pulse_put(PK_PULSE_LIST, 1, "/workerbeats", NULL);
    pulse_put(PK_PULSE_GET, 2, "/workerbeats/t/n", NULL);
    s.service_hold = true;
    sim_go(&s, p, &b);
    struct pk_pulse m;
    assert_false(sim_pulse(&s, p, &m));
    pulse_put(PK_PULSE_GET, 3, "/workerbeats/t/n", NULL);
    sim_go(&s, q, &b);
    pulse_expect(q, PK_PULSE_GET + 1, 3);
}

static void a_message_is_asked_again_when_its_server_is_lost(void **state)
{
    (void)state;
    s.service_hold = true;
    pulse_put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "x");
    sim_go(&s, p, &b);
    s.service_hold = false;
    sim_lose(&s, sim_service(&s), 0, SIM_UNHEARD);
    sim_pump(&s);
    pulse_expect(p, PK_PULSE_SEND + 1, 1);
    pulse_expect_details("/workerbeats/t/n", "x");
}

static void without_an_ensemble_a_client_is_told_by_an_end(void **state)
{
    int q = sim_open_pacemaker(&s);
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    pulse_put(PK_PULSE_LIST, 1, "/workerbeats", NULL);
    s.service_fail = 1000;
    sim_lose(&s, sim_service(&s), 0, SIM_UNHEARD);
    sim_go(&s, q, &b);
    sim_advance(&s, 10 * 1000000);
    sim_expect_closed(&s, q, PK_CLOSE_UNDECIDED);
    pulse_expect_details("/workerbeats/t/n", "x");
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/m", "a new one below the same parent");
}

static void a_client_that_leaves_is_finished(void **state)
{
    (void)state;
    pulse_put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "last");
    pulse_put(PK_PULSE_SEND, 2, "/workerbeats/t/m", "words");
    sim_send(&s, p, &b);
    sup_buf_reset(&b);
    sim_leave(&s, p);
    sim_pump(&s);
    sim_expect_closed(&s, p, PK_CLOSE_CLIENT_LEFT);
    p = sim_open_pacemaker(&s);
    pulse_expect_details("/workerbeats/t/n", "last");
    pulse_expect_details("/workerbeats/t/m", "words");
}

static void a_stop_finishes_what_was_received(void **state)
{
    (void)state;
    pulse_put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "x");
    sim_go(&s, p, &b);
    pulse_expect(p, PK_PULSE_SEND + 1, 1);
    sim_step(&s, -1, PK_DRAIN, NULL, 0);
    sim_pump(&s);
    sim_advance(&s, 1000000);
    sim_expect_closed(&s, p, PK_CLOSE_DRAINED);
    assert_true(core_idle(s.core));
}

/* ---- what is no message ---- */

static void what_is_no_message_ends_its_connection_alone(void **state)
{
    static const struct {
        const char *p;
        size_t len;
    } bad[] = {
#define BAD(literal) {literal, sizeof(literal) - 1}
        BAD("\0\0\0\0"),
        BAD("\0\0\0\1\0"),
        BAD("\177\377\377\377"),
        BAD("\377\377\377\377"),
        BAD("GET / HTTP/1.0\r\n\r\n"),
        BAD("ruok"),
        BAD("\0\0\0\10\10\0\1\0\0\0\12\0"),                                /* GET_PULSE of nothing */
        BAD("\0\0\0\10\10\0\1\0\0\0\77\0"),                                /* a type that is none */
        BAD("\0\0\0\25\10\0\1\0\0\0\20\14\0\2\13\0\7\0\0\0\2\377\66\0\0"), /* control, and nobody logs in */
        BAD("\0\0\0\25\10\0\1\0\0\0\21\14\0\2\13\0\7\0\0\0\2\377\66\0\0"), /* the same of a token */
        BAD("\0\0\0\25\10\0\1\0\0\0\4\14\0\2\14\0\2\13\0\1\0\0\0\0\0\0"),  /* a pulse without details */
#undef BAD
    };
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int q = sim_open_pacemaker(&s);
        sup_raw(&b, bad[i].p, bad[i].len);
        sim_go(&s, q, &b);
        if (!s.conns[q].closed)
            fail_msg("case %zu does not end its connection", i);
        assert_int_equal(s.conns[q].got.len, 0);
        sim_forget(&s, q);
        pulse_expect_details("/workerbeats/t/n", "x");
    }
    assert_int_equal(st()->closed_malformed, sizeof bad / sizeof bad[0]);
}

static void a_path_is_no_regular_expression(void **state)
{
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    pulse_expect_nodes("/workerbeats/[", "");
    pulse_expect_nodes("/workerbeats/.*", "");
}

static void a_reply_as_a_request_is_not_answered(void **state)
{
    uint8_t frame[PK_PULSE_REPLY_LEN];
    (void)state;
    pk_pulse_put_reply(frame, PK_PULSE_SEND + 1, 1);
    sup_raw(&b, frame, sizeof frame);
    sim_go(&s, p, &b);
    pulse_expect_nodes("/workerbeats", "");
}

static void one_that_says_nothing_makes_room(void **state)
{
    int q = sim_open_pacemaker(&s);
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    sim_advance(&s, 3600 * (int64_t)1000000);
    assert_false(s.conns[q].closed);
    sim_step(&s, p, PK_CLIENT_DISMISS, NULL, 0);
    sim_step(&s, q, PK_CLIENT_DISMISS, NULL, 0);
    sim_pump(&s);
    sim_expect_closed(&s, q, PK_CLOSE_MADE_ROOM);
    pulse_expect_details("/workerbeats/t/n", "x");
}

/* Storm sends message ids from 0 to 99, and older clients none at all. */
static void a_message_without_an_id_is_answered_with_minus_one(void **state)
{
    static const uint8_t list[] = {0, 0, 0, 27, 8, 0,   1,   0,   0,   0,   8,   12,  0,   2,   11, 0,
                                   1, 0, 0, 0,  9, '/', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 0,  0};
    (void)state;
    sup_raw(&b, list, sizeof list);
    b.p[3] = (uint8_t)(sizeof list - 4);
    sim_go(&s, p, &b);
    pulse_expect(p, PK_PULSE_LIST + 1, -1);
}

/* A reader that does not read is not read from either. */
static void a_slow_reader_is_waited_for(void **state)
{
    static char big[8000];
    (void)state;
    memset(big, 'x', sizeof big - 1);
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", big);
    s.conns[p].client.taking = SIM_NOTHING;
    for (int i = 0; i < 200; i++)
        pulse_put(PK_PULSE_GET, i, "/workerbeats/t/n", NULL);
    sim_go(&s, p, &b);
    assert_false(s.conns[p].client.reading);
    s.conns[p].client.taking = SIM_WHOLE;
    s.conns[p].client.under_way = false;
    sim_pump(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PULSE(replies_come_in_the_order_of_the_messages),
        PULSE(nobody_waits_for_what_another_asks),
        PULSE(a_message_is_asked_again_when_its_server_is_lost),
        PULSE(without_an_ensemble_a_client_is_told_by_an_end),
        PULSE(a_client_that_leaves_is_finished),
        PULSE(a_stop_finishes_what_was_received),
        PULSE(what_is_no_message_ends_its_connection_alone),
        PULSE(a_path_is_no_regular_expression),
        PULSE(a_reply_as_a_request_is_not_answered),
        PULSE(one_that_says_nothing_makes_room),
        PULSE(a_message_without_an_id_is_answered_with_minus_one),
        PULSE(a_slow_reader_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
