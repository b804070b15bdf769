/*
 * Logins of Pacemaker's clients: what Storm's own daemon was seen to answer, byte for byte; who may read what
 * before and after; every message that is out of place; clients that leave in the middle.
 */
#include "tests/sim/pulse_fixture.h"

/* As Storm 1.2.4 and 2.8.3 send them: SASL_TOKEN_REQUEST, and a token of one byte. */
static const uint8_t token_request[] = {0, 0,  0, 0x15, 8, 0, 1, 0, 0,    0,    16, 12, 0,
                                        2, 11, 0, 7,    0, 0, 0, 2, 0xff, 0x36, 0,  0};
static const uint8_t complete[] = {0, 0,  0, 0x15, 8, 0, 1, 0, 0,    0,    16, 12, 0,
                                   2, 11, 0, 7,    0, 0, 0, 2, 0xff, 0x35, 0,  0};

static int setup_digest(void **state)
{
    static const struct core_who nimbus[] = {{.scheme = "sasl", .id = "nimbus"}},
                                 anyone[] = {{.scheme = "world", .id = "anyone", .upstream = true}};
    const struct core_policy policy = {.readers = nimbus, .nreaders = 1, .writers = anyone, .nwriters = 1};
    struct core_mount mount = sim_default_config.mounts[0];
    (void)state;
    pulse_start(PK_LOGIN_DIGEST);
    mount.policy = &policy;
    return core_mount_set(s.core, 0, &mount) == PK_OK ? 0 : -1;
}

static int setup_kerberos(void **state)
{
    (void)state;
    pulse_start(PK_LOGIN_KERBEROS);
    return 0;
}

#define DIGEST(name)   cmocka_unit_test_setup_teardown(name, setup_digest, core_teardown)
#define KERBEROS(name) cmocka_unit_test_setup_teardown(name, setup_kerberos, core_teardown)

static void put_token(const char *text)
{
    uint8_t frame[PK_PULSE_TOKEN_LEN + 256];
    uint8_t *end =
        pk_pulse_put_token(frame, (struct pk_bytes){(const uint8_t *)text, (uint32_t)strlen(text)});
    sup_raw(&b, frame, (size_t)(end - frame));
}

static void ask_for_challenge(int client)
{
    sup_raw(&b, token_request, sizeof token_request);
    sim_go(&s, client, &b);
}

static void expect_asked(int client, int nth, const char *token)
{
    assert_int_equal(s.conns[client].tokens, nth);
    assert_int_equal(s.conns[client].token.len, strlen(token));
    if (token[0] != '\0')
        assert_memory_equal(s.conns[client].token.p, token, strlen(token));
}

static void expect_bytes(int client, const uint8_t *bytes, size_t len)
{
    struct sim_conn *conn = &s.conns[client];
    assert_true(conn->got.len - conn->got_off >= len);
    assert_memory_equal(conn->got.p + conn->got_off, bytes, len);
    conn->got_off += len;
}

static void expect_token(int client, const char *text)
{
    uint8_t frame[PK_PULSE_TOKEN_LEN + 256];
    uint8_t *end =
        pk_pulse_put_token(frame, (struct pk_bytes){(const uint8_t *)text, (uint32_t)strlen(text)});
    expect_bytes(client, frame, (size_t)(end - frame));
}

static void expect_challenge(int client)
{
    ask_for_challenge(client);
    sim_token(&s, client, PK_SASL_GOES_ON, "challenge");
    expect_token(client, "challenge");
}

static void expect_logged_in(int client)
{
    assert_int_equal(core_identify(s.core, s.conns[client].id, "sasl", "nimbus"), PK_OK);
    sim_token(&s, client, PK_SASL_ENDS, "rspauth");
    expect_token(client, "rspauth");
    expect_bytes(client, complete, sizeof complete);
}

static void expect_silence(int client)
{
    assert_int_equal(s.conns[client].got.len, s.conns[client].got_off);
}

static void expect_end(int client, enum pk_close why)
{
    sim_expect_closed(&s, client, why);
    expect_silence(client);
    sim_forget(&s, client);
}

static void log_in(int client)
{
    ask_for_challenge(client);
    sim_token(&s, client, PK_SASL_GOES_ON, "challenge");
    put_token("response");
    sim_go(&s, client, &b);
    assert_int_equal(core_identify(s.core, s.conns[client].id, "sasl", "nimbus"), PK_OK);
    sim_token(&s, client, PK_SASL_ENDS, "rspauth");
}

static void expect_refused(int client, int type)
{
    pulse_put(type, 7, "/workerbeats/t/n", NULL);
    sim_go(&s, client, &b);
    pulse_expect(client, PK_PULSE_NOT_AUTHORIZED, 7);
}

/* ---- DIGEST ---- */

static void who_knows_the_secret_reads(void **state)
{
    (void)state;
    ask_for_challenge(p);
    expect_asked(p, 1, "");
    expect_silence(p);
    sim_token(&s, p, PK_SASL_GOES_ON, "challenge");
    expect_token(p, "challenge");
    put_token("response");
    sim_go(&s, p, &b);
    expect_asked(p, 2, "response");
    expect_logged_in(p);
    assert_int_equal(st()->sasl_authenticated, 1);
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    pulse_expect_details("/workerbeats/t/n", "x");
    pulse_expect_nodes("/workerbeats", "t");
}

static void who_does_not_log_in_writes(void **state)
{
    static const int reads[] = {PK_PULSE_EXISTS, PK_PULSE_GET, PK_PULSE_LIST};
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    for (int i = 0; i < 3; i++)
        expect_refused(p, reads[i]);
    pulse_call(PK_PULSE_DELETE, "/workerbeats/t", NULL);
    assert_int_equal(st()->sasl_authenticated + st()->sasl_refused, 0);
}

/* Storm 1.2.4 sends its first pulse behind the response, before it has heard that it is logged in. */
static void what_stands_behind_a_token_waits_for_its_answer(void **state)
{
    (void)state;
    expect_challenge(p);
    put_token("response");
    pulse_put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "x");
    pulse_put(PK_PULSE_GET, 2, "/workerbeats/t/n", NULL);
    sim_go(&s, p, &b);
    expect_silence(p);
    expect_logged_in(p);
    pulse_expect(p, PK_PULSE_SEND + 1, 1);
    assert_true(pk_bytes_eq(pulse_expect(p, PK_PULSE_GET + 1, 2).details, PK_BYTES("x")));
}

static void a_refusal_is_an_end_without_a_word(void **state)
{
    (void)state;
    expect_challenge(p);
    put_token("wrong");
    pulse_put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "x");
    sim_go(&s, p, &b);
    sim_token(&s, p, PK_SASL_FAILS, NULL);
    expect_end(p, PK_CLOSE_SASL_REFUSED);
    assert_int_equal(st()->sasl_refused, 1);
    assert_int_equal(st()->znodes, 0);
}

/* What another message begins with is no login any more, as with Storm's own daemon. */
static void a_login_comes_first_or_not_at_all(void **state)
{
    int late = sim_open_pacemaker(&s), between = sim_open_pacemaker(&s);
    (void)state;
    pulse_put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "x");
    sim_go(&s, late, &b);
    pulse_expect(late, PK_PULSE_SEND + 1, 1);
    ask_for_challenge(late);
    expect_end(late, PK_CLOSE_MALFORMED_MESSAGE);

    expect_challenge(between);
    expect_refused(between, PK_PULSE_GET);
    put_token("response");
    sim_go(&s, between, &b);
    expect_end(between, PK_CLOSE_MALFORMED_MESSAGE);
}

static void what_is_out_of_place_is_an_end(void **state)
{
    static const struct {
        bool after_login;
        const char *frame;
        size_t len;
    } cases[] = {
#define HEAD                "\10\0\1\0\0\0"
#define BLOB(type)          HEAD type "\14\0\2\13\0\7\0\0\0"
#define BAD(after, literal) {after, literal, sizeof(literal) - 1}
        BAD(true, "\0\0\0\25" BLOB("\20") "\2\377\66\0\0"),          /* a second request */
        BAD(true, "\0\0\0\31" BLOB("\21") "\6\376\14\0\0\0\0\0\0"),  /* a second token */
        BAD(false, "\0\0\0\31" BLOB("\21") "\6\376\14\0\0\0\0\0\0"), /* a token that nobody asked for */
        BAD(false, "\0\0\0\25" BLOB("\20") "\2\377\65\0\0"),         /* SASL_COMPLETE_REQUEST */
        BAD(false, "\0\0\0\25" BLOB("\20") "\2\377\234\0\0"),        /* CLOSE_MESSAGE */
        BAD(false, "\0\0\0\25" BLOB("\20") "\2\0\143\0\0"),          /* 99 is none */
        BAD(false, "\0\0\0\24" BLOB("\20") "\1\377\0\0"),            /* cut */
        BAD(false, "\0\0\0\23" BLOB("\20") "\0\0\0"),                /* empty */
#undef BAD
#undef BLOB
#undef HEAD
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int q = sim_open_pacemaker(&s);
        if (cases[i].after_login) {
            log_in(q);
            s.conns[q].got_off = s.conns[q].got.len;
        }
        sup_raw(&b, cases[i].frame, cases[i].len);
        sim_go(&s, q, &b);
        if (!s.conns[q].closed)
            fail_msg("case %zu does not end its connection", i);
        expect_end(q, PK_CLOSE_MALFORMED_MESSAGE);
    }
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
}

/* In the place of the response. */
static void tokens_that_are_none(void **state)
{
    static const struct {
        const char *blob;
        size_t len;
    } bad[] = {{"", 0},
               {"\376\14\0\0\0", 5},    /* no whole length */
               {"\376\15\0\0\0\1x", 7}, /* another number */
               {"\376\14\0\0\0\2x", 7}, /* longer than there is */
               {"\376\14\377\377\377\377x", 7} /* negative */};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int q = sim_open_pacemaker(&s);
        uint8_t frame[64] = {0, 0, 0, (uint8_t)(19 + bad[i].len), 8, 0, 1, 0, 0, 0, 17, 12, 0, 2, 11, 0, 7,
                             0, 0, 0, (uint8_t)bad[i].len};
        memcpy(frame + 21, bad[i].blob, bad[i].len);
        ask_for_challenge(q);
        sim_token(&s, q, PK_SASL_GOES_ON, "challenge");
        expect_token(q, "challenge");
        sup_raw(&b, frame, 23 + bad[i].len);
        sim_go(&s, q, &b);
        expect_end(q, PK_CLOSE_MALFORMED_MESSAGE);
    }
}

/* The answers do not depend on how the bytes come. */
static void a_login_in_pieces(void **state)
{
    (void)state;
    for (uint32_t cut = 1; cut < 60; cut++) {
        int q = sim_open_pacemaker(&s);
        s.chunk = cut;
        log_in(q);
        expect_token(q, "challenge");
        expect_token(q, "rspauth");
        expect_bytes(q, complete, sizeof complete);
        pulse_put(PK_PULSE_LIST, 3, "/workerbeats", NULL);
        sim_go(&s, q, &b);
        pulse_expect(q, PK_PULSE_LIST + 1, 3);
        s.chunk = 0;
        sim_leave(&s, q);
        sim_pump(&s);
        sim_forget(&s, q);
    }
}

/* It is gone before its answer: nobody takes the answer, and what it had sent behind is judged as a stranger's. */
static void one_that_leaves_in_the_middle(void **state)
{
    (void)state;
    ask_for_challenge(p);
    sim_token(&s, p, PK_SASL_GOES_ON, "challenge");
    put_token("response");
    pulse_put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "last words");
    sim_send(&s, p, &b);
    sup_buf_reset(&b);
    sim_leave(&s, p);
    sim_pump(&s);
    sim_token(&s, p, PK_SASL_ENDS, "rspauth");
    sim_pump(&s);
    sim_expect_closed(&s, p, PK_CLOSE_CLIENT_LEFT);
    assert_int_equal(st()->sasl_authenticated, 0);
    assert_int_equal(st()->znodes, 2);
}

static void a_stop_waits_for_the_answer(void **state)
{
    (void)state;
    ask_for_challenge(p);
    sim_step(&s, -1, PK_DRAIN, NULL, 0);
    sim_pump(&s);
    assert_false(s.conns[p].closed);
    sim_token(&s, p, PK_SASL_GOES_ON, "challenge");
    expect_token(p, "challenge");
    sim_pump(&s);
    expect_end(p, PK_CLOSE_DRAINED);
}

/* The n-th allocation of a login fails; how many there were. Its client ends, or has got through. */
static uint64_t with_failure(uint64_t n)
{
    pulse_start(PK_LOGIN_DIGEST);
    uint64_t before = s.mem.calls;
    sup_mem_fail(&s.mem, n);
    ask_for_challenge(p);
    sim_token(&s, p, PK_SASL_GOES_ON, "challenge");
    put_token("response");
    if (!s.conns[p].closed)
        sim_send(&s, p, &b);
    sup_buf_reset(&b);
    sim_pump(&s);
    sim_token(&s, p, PK_SASL_ENDS, "rspauth");
    sim_pump(&s);
    uint64_t calls = s.mem.calls - before;
    sup_mem_fail(&s.mem, 0);
    if (s.conns[p].closed)
        assert_int_equal(s.conns[p].why, PK_CLOSE_NO_MEMORY);
    else
        assert_int_equal(st()->sasl_authenticated, 1);
    core_teardown(NULL);
    return calls;
}

static void memory_that_runs_out(void **state)
{
    (void)state;
    uint64_t calls = with_failure(0);
    assert_true(calls > 2);
    for (uint64_t n = 1; n <= calls + 1; n++)
        with_failure(n);
}

/* ---- KERBEROS ---- */

static void a_ticket_is_the_first_token(void **state)
{
    (void)state;
    put_token("ticket");
    sim_go(&s, p, &b);
    expect_asked(p, 1, "ticket");
    sim_token(&s, p, PK_SASL_GOES_ON, "offer");
    expect_token(p, "offer");
    put_token("choice");
    sim_go(&s, p, &b);
    sim_token(&s, p, PK_SASL_ENDS, NULL);
    expect_bytes(p, complete, sizeof complete);
    expect_silence(p);
}

static void nobody_asks_for_a_challenge(void **state)
{
    (void)state;
    ask_for_challenge(p);
    expect_end(p, PK_CLOSE_MALFORMED_MESSAGE);
}

/* A step that goes on without a token is an empty one: the client waits for it. */
static void an_empty_token(void **state)
{
    (void)state;
    put_token("ticket");
    sim_go(&s, p, &b);
    sim_token(&s, p, PK_SASL_GOES_ON, NULL);
    expect_token(p, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIGEST(who_knows_the_secret_reads),
        DIGEST(who_does_not_log_in_writes),
        DIGEST(what_stands_behind_a_token_waits_for_its_answer),
        DIGEST(a_refusal_is_an_end_without_a_word),
        DIGEST(a_login_comes_first_or_not_at_all),
        DIGEST(what_is_out_of_place_is_an_end),
        DIGEST(tokens_that_are_none),
        DIGEST(a_login_in_pieces),
        DIGEST(one_that_leaves_in_the_middle),
        DIGEST(a_stop_waits_for_the_answer),
        cmocka_unit_test(memory_that_runs_out),
        KERBEROS(a_ticket_is_the_first_token),
        KERBEROS(nobody_asks_for_a_challenge),
        KERBEROS(an_empty_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
