/* SASL tokens that the driver answers: replies byte for byte, order, what is refused, and clients that leave. */
#include "tests/sim/core_fixture.h"

static int setup(void **state)
{
    (void)state;
    struct core_config config = sim_default_config;
    config.sasl_ended = true;
    sim_init(&s, &config);
    c = sim_connect(&s, 10000);
    other = sim_connect(&s, 10000);
    return 0;
}

#define ENDED(name) cmocka_unit_test_setup_teardown(name, setup, core_teardown)

static void expect_token(int client, int nth, const char *token)
{
    assert_int_equal(s.conns[client].tokens, nth);
    assert_int_equal(s.conns[client].token.len, strlen(token));
    if (token[0] != '\0')
        assert_memory_equal(s.conns[client].token.p, token, strlen(token));
}

/* What the client has received since the last time, in hexadecimal. */
static void expect_bytes(int client, const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    char text[400];
    struct sim_conn *conn = &s.conns[client];
    size_t n = 0;
    for (; conn->got_off < conn->got.len; conn->got_off++) {
        assert_true(n + 3 < sizeof text);
        text[n++] = digits[conn->got.p[conn->got_off] >> 4];
        text[n++] = digits[conn->got.p[conn->got_off] & 15];
    }
    text[n] = '\0';
    assert_string_equal(text, hex);
}

/* The bytes of a ZooKeeper server: zxid 0, a token or null. */
static void an_exchange_of_two(void **state)
{
    (void)state;
    uint64_t requests = s.conns[c].requests;
    s.conns[c].got_off = s.conns[c].got.len;
    wire_sasl(&b, 1, "");
    sim_go(&s, c, &b);
    expect_token(c, 1, "");
    expect_bytes(c, "");
    sim_token(&s, c, PK_SASL_GOES_ON, "who");
    expect_bytes(c, "00000017"
                    "00000001"
                    "0000000000000000"
                    "00000000"
                    "00000003"
                    "77686f");
    wire_sasl(&b, 2, "me");
    sim_go(&s, c, &b);
    expect_token(c, 2, "me");
    sim_token(&s, c, PK_SASL_ENDS, NULL);
    expect_bytes(c, "00000014"
                    "00000002"
                    "0000000000000000"
                    "00000000"
                    "ffffffff");
    assert_int_equal(st()->sasl_authenticated, 1);
    assert_int_equal(st()->sasl_refused, 0);
    assert_int_equal(s.conns[c].requests, requests);
    wire_read(&b, 3, PK_OP_EXISTS, "/storm", false);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
}

static void an_empty_token_is_not_null(void **state)
{
    (void)state;
    s.conns[c].got_off = s.conns[c].got.len;
    wire_sasl(&b, 1, "x");
    sim_go(&s, c, &b);
    sim_token(&s, c, PK_SASL_GOES_ON, "");
    expect_bytes(c, "00000014"
                    "00000001"
                    "0000000000000000"
                    "00000000"
                    "00000000");
}

static void a_refusal(void **state)
{
    (void)state;
    s.conns[c].got_off = s.conns[c].got.len;
    wire_sasl(&b, 1, "x");
    wire_read(&b, 2, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, c, &b);
    sim_token(&s, c, PK_SASL_FAILS, NULL);
    expect_bytes(c, "00000014"
                    "00000001"
                    "0000000000000000"
                    "ffffff8d"
                    "ffffffff");
    sim_expect_closed(&s, c, PK_CLOSE_SASL_REFUSED);
    assert_int_equal(st()->sasl_refused, 1);
    sim_token(&s, c, PK_SASL_ENDS, NULL);
}

static void bodies_without_a_token(void **state)
{
    static const struct {
        uint8_t bytes[8];
        size_t len;
    } bad[] = {{{0}, 0},
               {{0, 0, 0}, 3},
               {{0, 0, 0, 5, 'x'}, 5},
               {{255, 255, 255, 255}, 4},
               {{255, 255, 255, 249}, 4}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int one = sim_connect(&s, 10000);
        size_t got = s.conns[one].got.len, mark = wire_begin(&b, 1, PK_OP_SASL);
        sup_raw(&b, bad[i].bytes, bad[i].len);
        wire_end(&b, mark);
        sim_go(&s, one, &b);
        sim_expect_closed(&s, one, PK_CLOSE_MALFORMED_REQUEST);
        assert_int_equal(s.conns[one].got.len, got);
        assert_int_equal(s.conns[one].tokens, 0);
    }
}

/* Bytes behind the token are nobody's matter, as in ZooKeeper. */
static void bytes_behind_the_token(void **state)
{
    (void)state;
    size_t mark = wire_begin(&b, 1, PK_OP_SASL);
    sup_str(&b, "me");
    sup_raw(&b, "more", 4);
    wire_end(&b, mark);
    sim_go(&s, c, &b);
    expect_token(c, 1, "me");
}

static void in_order_with_other_requests(void **state)
{
    (void)state;
    s.conns[c].hold = true;
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    wire_sasl(&b, 2, "x");
    wire_read(&b, 3, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, c, &b);
    assert_int_equal(s.conns[c].tokens, 0); /* its turn has not come */
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    expect_token(c, 1, "x");
    sim_advance(&s, 3000000);
    assert_int_equal(s.conns[c].tokens, 1); /* asked once, however often it is looked at */
    wire_ping(&b);
    sim_go(&s, c, &b);
    sim_expect(&s, c, PK_XID_PING, PK_Z_OK, NULL); /* which are exempt from order, and keep the session */
    sim_token(&s, c, PK_SASL_ENDS, NULL);
    sim_expect(&s, c, 2, PK_Z_OK, NULL);
    sim_expect(&s, c, 3, PK_Z_OK, NULL);
    wire_read(&b, 4, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, other, &b);
    sim_expect(&s, other, 4, PK_Z_OK, NULL);
}

/* Nobody waits for what a client is told that has left; an answer that comes then is for nobody. */
static void who_leaves_is_not_waited_for(void **state)
{
    (void)state;
    wire_sasl(&b, 1, "x");
    sim_go(&s, c, &b);
    sim_leave(&s, c);
    sim_pump(&s);
    sim_expect_closed(&s, c, PK_CLOSE_CLIENT_LEFT);
    sim_token(&s, c, PK_SASL_ENDS, "late");
    assert_int_equal(st()->sasl_authenticated, 0);
    sim_forget(&s, c);
    c = sim_connect(&s, 10000); /* in its place */
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
}

static void an_answer_without_a_question(void **state)
{
    (void)state;
    sim_token(&s, c, PK_SASL_ENDS, "what");
    sim_token(&s, c, PK_SASL_FAILS, NULL);
    wire_create(&b, 1, "/storm/x", "");
    s.conns[c].hold = true;
    sim_go(&s, c, &b);
    sim_token(&s, c, PK_SASL_FAILS, NULL);
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
}

static void the_uplink_is_lost_meanwhile(void **state)
{
    (void)state;
    wire_sasl(&b, 1, "x");
    sim_go(&s, c, &b);
    sim_lose(&s, c, 0, SIM_UNHEARD);
    sim_pump(&s);
    sim_token(&s, c, PK_SASL_ENDS, NULL);
    wire_read(&b, 2, PK_OP_EXISTS, "/storm", false);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
}

static void every_cut(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 32; at++) {
        int one = sim_connect(&s, 10000);
        s.cut_side = 1;
        s.cut_at = s.conns[one].client.fed + at;
        wire_sasl(&b, 7, "a token of 12");
        wire_ping(&b);
        sim_go(&s, one, &b);
        expect_token(one, 1, "a token of 12");
        sim_token(&s, one, PK_SASL_ENDS, NULL);
        s.cut_side = 0;
        sim_leave(&s, one);
        sim_pump(&s);
        sim_forget(&s, one);
    }
}

/* The n-th allocation fails: that connection ends, or goes on; nothing leaks, and the others are served. */
static void memory_runs_out(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 12; n++) {
        int one = sim_connect(&s, 10000);
        sup_mem_fail(&s.mem, n);
        wire_sasl(&b, 1, "x");
        sim_go(&s, one, &b);
        if (!s.conns[one].closed && s.conns[one].tokens > 0)
            sim_token(&s, one, PK_SASL_ENDS, "a token");
        sup_mem_fail(&s.mem, 0);
        wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
        sim_call(&s, other, &b, PK_Z_OK, NULL);
        if (!s.conns[one].closed) {
            sim_leave(&s, one);
            sim_pump(&s);
        }
        sim_forget(&s, one);
    }
}

static void relayed_where_it_does_not_end_here(void **state)
{
    (void)state;
    uint64_t requests = s.conns[c].requests;
    wire_sasl(&b, 1, "x");
    sim_go(&s, c, &b);
    assert_int_equal(s.conns[c].tokens, 0);
    assert_int_equal(s.conns[c].requests, requests + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENDED(an_exchange_of_two),
        ENDED(an_empty_token_is_not_null),
        ENDED(a_refusal),
        ENDED(bodies_without_a_token),
        ENDED(bytes_behind_the_token),
        ENDED(in_order_with_other_requests),
        ENDED(who_leaves_is_not_waited_for),
        ENDED(an_answer_without_a_question),
        ENDED(the_uplink_is_lost_meanwhile),
        ENDED(every_cut),
        ENDED(memory_runs_out),
        CASE(relayed_where_it_does_not_end_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
