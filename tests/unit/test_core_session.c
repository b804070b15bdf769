/* The handshake, the ends of a connection, four-letter words, and bytes that are not the protocol. */
#include "tests/sim/core_fixture.h"

static void send_raw(int who, const void *p, size_t len)
{
    sup_raw(&b, p, len);
    sim_go(&s, who, &b);
}

/* 44 bytes get 36, 45 get 37, whatever the pieces. */
static void both_lengths(void **state)
{
    (void)state;
    for (int pieces = 0; pieces < 2; pieces++) {
        for (int read_only = -1; read_only < 2; read_only++) {
            s.chunk = pieces ? 1 : 0;
            c = sim_open(&s);
            wire_connect(&b, 0, 10000, 0, read_only);
            wire_op(&b, 1, PK_OP_PING);
            sim_go(&s, c, &b);
            assert_int_equal(s.conns[c].got.len, WIRE_CONNECT_REPLY - (read_only < 0) + 20);
            assert_int_equal(s.conns[c].got.p[3], read_only < 0 ? 36 : 37);
            assert_int_equal(s.conns[c].requests, 1);
        }
    }
}

static void expired_session(void **state)
{
    (void)state;
    c = sim_open(&s);
    wire_connect(&b, 0x999, 10000, 0, 0);
    sim_go(&s, c, &b);
    sim_expect_closed(&s, c, PK_CLOSE_SESSION_INVALID);
    assert_int_equal(s.conns[c].got.len, WIRE_CONNECT_REPLY);
}

static void close_session(void **state)
{
    (void)state;
    c = sim_connect(&s, 10000);
    wire_create_as(&b, 1, PK_OP_CREATE, PK_CREATE_EPHEMERAL, "/storm/e", "x");
    wire_op(&b, 2, PK_OP_CLOSE_SESSION);
    wire_read(&b, 3, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    sim_expect(&s, c, 2, PK_Z_OK, NULL);
    struct sim_frame f;
    assert_false(sim_frame(&s, c, &f));
    sim_expect_closed(&s, c, PK_CLOSE_SESSION_CLOSED);
    assert_null(upstream("/storm/e"));
    assert_int_equal(st()->sessions, 0);
}

/* A client's last words count, read or not, local or not; nobody waits for the answers. */
static void last_words(void **state)
{
    (void)state;
    c = sim_connect(&s, 10000);
    other = sim_connect(&s, 10000);
    wire_create(&b, 1, M "/t", "");
    wire_create(&b, 2, M "/t/w", "one");
    wire_set(&b, 3, M "/t/w", "two", -1);
    wire_create(&b, 4, "/storm/direct", "x");
    wire_set(&b, 5, M "/t/w", "three", -1);
    sim_send(&s, c, &b);
    sup_buf_reset(&b);
    sim_leave(&s, c);
    sim_pump(&s);
    sim_expect_closed(&s, c, PK_CLOSE_CLIENT_LEFT);
    assert_non_null(upstream("/storm/direct"));
    struct sim_frame f;
    wire_read(&b, 1, PK_OP_GET_DATA, M "/t/w", false);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    sim_expect_data(&f, "three");
    assert_null(upstream(M "/t"));
}

static void last_words_before_session(void **state)
{
    (void)state;
    c = sim_open(&s);
    wire_connect(&b, 0, 10000, 0, 0);
    wire_create(&b, 1, "/storm/direct", "x");
    wire_op(&b, 2, PK_OP_CLOSE_SESSION);
    sim_send(&s, c, &b);
    sim_leave(&s, c);
    sim_pump(&s);
    assert_true(s.conns[c].closed);
    assert_non_null(upstream("/storm/direct"));
    assert_int_equal(st()->connections, 0);
}

static void leaves_early(void **state)
{
    (void)state;
    wire_connect(&b, 0, 10000, 0, 0);
    for (size_t cut = 0; cut <= b.len; cut++) {
        c = sim_open(&s);
        struct sup_buf part = {b.p, cut, cut};
        sim_send(&s, c, &part);
        sim_leave(&s, c);
        sim_pump(&s);
        if (!s.conns[c].closed)
            sim_advance(&s, 20000000);
        assert_true(s.conns[c].closed);
        sim_forget(&s, c);
    }
}

static void fenced(void **state)
{
    (void)state;
    int old = sim_connect(&s, 10000);
    c = sim_open(&s);
    s.conns[old].deaf = true;
    wire_connect(&b, s.conns[old].session, 10000, 0, 0);
    sim_go(&s, c, &b);
    assert_int_equal(s.conns[c].got.len, WIRE_CONNECT_REPLY);
    sim_expect_closed(&s, old, PK_CLOSE_FENCED);
    assert_int_equal(st()->fenced, 1);
    assert_int_equal(st()->sessions, 1);
}

/* What the older connection sent before, and nobody has read, has no effect after the newer one is confirmed. */
static void fenced_unread(void **state)
{
    (void)state;
    int old = sim_connect(&s, 10000);
    c = sim_open(&s);
    wire_create(&b, 1, M "/t", "");
    sim_call(&s, old, &b, PK_Z_OK, NULL);
    wire_connect(&b, s.conns[old].session, 10000, 0, 0);
    sim_go(&s, c, &b);
    wire_set(&b, 2, M "/t", "late", -1);
    sim_go(&s, old, &b);
    struct sim_frame f;
    s.conns[c].got_off = WIRE_CONNECT_REPLY;
    wire_read(&b, 1, PK_OP_GET_DATA, M "/t", false);
    sim_call(&s, c, &b, PK_Z_OK, &f);
    sim_expect_data(&f, "");
}

static void words(void **state)
{
    (void)state;
    static const char *const known[] = {"ruok", "srvr", "stat", "mntr", "cons", "isro", "envi"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        for (uint32_t chunk = 0; chunk < 2; chunk++) {
            c = sim_open(&s);
            s.chunk = chunk;
            send_raw(c, known[i], 4);
            assert_string_equal(s.conns[c].word, known[i]);
            assert_int_equal(s.conns[c].got.len, 0);
            sim_forget(&s, c);
        }
    }
    c = sim_connect(&s, 10000);
    send_raw(c, "ruok", 4);
    sim_expect_closed(&s, c, PK_CLOSE_MALFORMED_LENGTH);
}

static void bad_lengths(void **state)
{
    (void)state;
    static const uint8_t lengths[][4] = {
        {0xff, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0}, {0, 0x10, 0, 0}, {0x7f, 0xff, 0xff, 0xff}, {1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int fresh = sim_open(&s), old = sim_connect(&s, 10000);
        send_raw(fresh, lengths[i], 4);
        send_raw(old, lengths[i], 4);
        assert_true(s.conns[fresh].closed);
        assert_int_equal(s.conns[fresh].got.len, 0);
        sim_expect_closed(&s, old, PK_CLOSE_MALFORMED_LENGTH);
        sim_forget(&s, fresh);
        sim_forget(&s, old);
    }
    assert_int_equal(st()->closed_malformed, 10);
    c = sim_open(&s);
    send_raw(c, "\0\0\0\0", 4);
    assert_true(s.conns[c].closed);
    for (uint8_t len = 0; len < 8; len++) {
        c = sim_connect(&s, 10000);
        uint8_t frame[12] = {0, 0, 0, len};
        send_raw(c, frame, 4u + len);
        assert_true(s.conns[c].closed);
        sim_forget(&s, c);
    }
}

static void strangers_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum pk_close why;
    } all[] = {
        {"\x16\x03\x01\x02", PK_CLOSE_TLS_AT_PLAIN_PORT}, {"\x16\x02\x01\x02", PK_CLOSE_MALFORMED_LENGTH},
        {"PROXY TCP4 ", PK_CLOSE_PROXY_HEADER},           {"\r\n\r\n", PK_CLOSE_PROXY_HEADER},
        {"GET / HTTP", PK_CLOSE_MALFORMED_LENGTH},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        c = sim_open(&s);
        send_raw(c, all[i].bytes, strlen(all[i].bytes));
        sim_expect_closed(&s, c, all[i].why);
        sim_forget(&s, c);
    }
    c = sim_connect(&s, 10000);
    send_raw(c, all[0].bytes, 4);
    sim_expect_closed(&s, c, PK_CLOSE_MALFORMED_LENGTH);
}

/* Once a connect request might announce a megabyte, and hold it. */
static void long_connect_request(void **state)
{
    (void)state;
    static const uint8_t most[4] = {0, 0, 0x03, 0xfc}, more[4] = {0, 0, 0x03, 0xfd};
    uint8_t rest[0x3fc] = {0};
    c = sim_open(&s);
    send_raw(c, more, 4);
    sim_expect_closed(&s, c, PK_CLOSE_MALFORMED_LENGTH);
    c = sim_open(&s);
    send_raw(c, most, 4);
    send_raw(c, rest, sizeof rest - 1);
    assert_false(s.conns[c].closed);
    send_raw(c, rest, 1);
    assert_int_equal(s.conns[c].opened, 1);
}

/* Who has not sent a connect request gives its place up; who has does not. */
static void dismissed(void **state)
{
    (void)state;
    wire_connect(&b, 0, 10000, 0, 0);
    for (size_t part = 0; part < b.len; part += b.len - 1) {
        struct sup_buf some = {b.p, part, part};
        c = sim_open(&s);
        sim_send(&s, c, &some);
        sim_step(&s, c, PK_CLIENT_DISMISS, NULL, 0);
        sim_expect_closed(&s, c, PK_CLOSE_MADE_ROOM);
        assert_int_equal(s.conns[c].opened, 0);
    }
    sup_buf_reset(&b);
    c = sim_connect(&s, 10000);
    sim_step(&s, c, PK_CLIENT_DISMISS, NULL, 0);
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
}

/* A frame of exactly the bound is a frame. */
static void largest_frame(void **state)
{
    (void)state;
    c = sim_connect(&s, 10000);
    size_t mark = wire_begin(&b, 1, PK_OP_SYNC);
    sup_str(&b, "/storm");
    while (b.len < 4 + sim_default_config.max_frame)
        sup_byte(&b, 0);
    wire_end(&b, mark);
    s.chunk = 5000;
    sim_call(&s, c, &b, PK_Z_OK, NULL);
}

static void refused_types(void **state)
{
    (void)state;
    static const int types[] = {PK_OP_CREATE_SESSION, PK_OP_NOTIFICATION, PK_OP_CHECK,
                                PK_OP_DELETE_CONTAINER};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        c = sim_connect(&s, 10000);
        struct sim_frame f;
        wire_create_as(&b, 4, PK_OP_CREATE, PK_CREATE_EPHEMERAL, "/storm/x", "");
        wire_path(&b, 5, types[i], "/storm");
        sim_go(&s, c, &b);
        sim_expect(&s, c, 4, PK_Z_OK, NULL);
        sim_expect(&s, c, 5, PK_Z_UNIMPLEMENTED, &f);
        assert_true(f.zxid == -1);
        assert_int_equal(s.zk.refused, 0);
        sim_expect_closed(&s, c, PK_CLOSE_UNIMPLEMENTED);
        sim_advance(&s, 60000000);
    }
}

static void unknown_type_is_relayed(void **state)
{
    (void)state;
    c = sim_connect(&s, 10000);
    struct sim_frame f;
    wire_path(&b, 5, 4711, "/storm");
    sim_go(&s, c, &b);
    sim_expect(&s, c, 5, PK_Z_UNIMPLEMENTED, &f);
    assert_true(f.zxid == -1);
    assert_int_equal(s.conns[c].requests, 1);
    assert_true(s.conns[c].closed);
}

/* Bodies that do not decode reach the ensemble, which answers them; the session lives. */
static void bad_bodies(void **state)
{
    (void)state;
    static const int types[] = {PK_OP_CREATE,           PK_OP_DELETE,
                                PK_OP_EXISTS,           PK_OP_GET_DATA,
                                PK_OP_SET_DATA,         PK_OP_GET_ACL,
                                PK_OP_SET_ACL,          PK_OP_GET_CHILDREN,
                                PK_OP_GET_CHILDREN2,    PK_OP_CREATE2,
                                PK_OP_CREATE_CONTAINER, PK_OP_CREATE_TTL,
                                PK_OP_SET_WATCHES,      PK_OP_GET_ALL_CHILDREN_NUMBER,
                                PK_OP_SET_WATCHES2,     PK_OP_ADD_WATCH};
    c = sim_connect(&s, 10000);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t mark = wire_begin(&b, 100 + (int)i, types[i]);
        sup_int(&b, 1000);
        sup_raw(&b, M "/x", 20);
        wire_end(&b, mark);
        sim_call(&s, c, &b, PK_Z_MARSHALLING_ERROR, NULL);
    }
}

static void servers_that_refuse(void **state)
{
    (void)state;
    c = sim_open(&s);
    wire_connect(&b, 0, 10000, 0, 0);
    s.conns[c].refuse = 2;
    sim_send(&s, c, &b);
    sim_pump(&s);
    assert_int_equal(s.conns[c].opened, 3);
    assert_int_equal(s.conns[c].got.len, WIRE_CONNECT_REPLY);
    c = sim_open(&s);
    s.conns[c].refuse = 1;
    s.conns[c].fail = 0;
    sim_send(&s, c, &b);
    s.conns[c].hold = true;
    sim_pump(&s);
    assert_int_equal(s.conns[c].got.len, WIRE_CONNECT_REPLY);
    c = sim_open(&s);
    s.conns[c].fail = 1;
    sim_send(&s, c, &b);
    sim_pump(&s);
    sim_expect_closed(&s, c, PK_CLOSE_NO_UPSTREAM);
    assert_int_equal(s.conns[c].got.len, 0);
}

static void uplink_lost(void **state)
{
    (void)state;
    c = sim_connect(&s, 10000);
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    wire_read(&b, 2, PK_OP_EXISTS, "/storm", false);
    s.conns[c].hold = true;
    sim_go(&s, c, &b);
    sim_release(&s, c, 1);
    s.conns[c].uplink.eof = true;
    sim_pump(&s);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    sim_expect_closed(&s, c, PK_CLOSE_UPLINK_LOST);
    assert_int_equal(s.conns[c].got.len, s.conns[c].got_off);
    assert_int_equal(st()->uplinks, 0);
}

/* Half a reply is not given to the client when the rest never comes... but for what has already passed
 * through. */
static void malformed_upstream(void **state)
{
    (void)state;
    static const uint8_t lengths[][4] = {
        {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0}, {0, 0, 0, 15}, {0x80, 0, 0, 1}};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        c = sim_connect(&s, 10000);
        sup_raw(&s.conns[c].uplink.todo, lengths[i], 4);
        sup_raw(&s.conns[c].uplink.todo, "123456789012345678", 18);
        sim_pump(&s);
        sim_expect_closed(&s, c, PK_CLOSE_MALFORMED_UPSTREAM);
        sim_forget(&s, c);
    }
    c = sim_connect(&s, 10000);
    sim_answer(&s, c, 77, 5, PK_Z_OK);
    sim_pump(&s);
    sim_expect_closed(&s, c, PK_CLOSE_UNEXPECTED_REPLY);
}

static void stale_ids(void **state)
{
    (void)state;
    c = sim_connect(&s, 10000);
    struct pk_id id = s.conns[c].id;
    sim_leave(&s, c);
    sim_pump(&s);
    assert_true(s.conns[c].closed);
    struct pk_event e = {.type = PK_CLIENT_BYTES, .bytes = (const uint8_t *)"x", .len = 1};
    sim_event(&s, id, e);
    e.type = PK_UPLINK_SENT;
    sim_event(&s, id, e);
    sim_event(&s, (struct pk_id){4000000, 3}, e);
    struct pk_update u;
    struct core_conn_info info;
    assert_false(core_next(s.core, &id, &u));
    assert_false(core_conn_info(s.core, id, &info));
}

static void drains(void **state)
{
    (void)state;
    int idle = sim_connect(&s, 10000), fresh = sim_open(&s);
    c = sim_connect(&s, 10000);
    s.conns[c].hold = true;
    wire_create(&b, 1, "/storm/x", "");
    sim_go(&s, c, &b);
    sim_step(&s, -1, PK_DRAIN, NULL, 0);
    sim_pump(&s);
    assert_true(s.conns[idle].closed);
    assert_true(s.conns[fresh].closed);
    assert_false(core_idle(s.core));
    sim_release(&s, c, 1);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    sim_expect_closed(&s, c, PK_CLOSE_DRAINED);
    assert_true(core_idle(s.core));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE_ALONE(both_lengths),
        CASE_ALONE(expired_session),
        CASE_ALONE(close_session),
        CASE_ALONE(last_words),
        CASE_ALONE(last_words_before_session),
        CASE_ALONE(leaves_early),
        CASE_ALONE(fenced),
        CASE_ALONE(fenced_unread),
        CASE_ALONE(words),
        CASE_ALONE(bad_lengths),
        CASE_ALONE(strangers_are_told_apart),
        CASE_ALONE(long_connect_request),
        CASE_ALONE(dismissed),
        CASE_ALONE(largest_frame),
        CASE_ALONE(refused_types),
        CASE_ALONE(unknown_type_is_relayed),
        CASE_ALONE(bad_bodies),
        CASE_ALONE(servers_that_refuse),
        CASE_ALONE(uplink_lost),
        CASE_ALONE(malformed_upstream),
        CASE_ALONE(stale_ids),
        CASE_ALONE(drains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
