/* The handshake, the ends of a connection, four-letter words, and bytes that are not the protocol. */
#include "tests/sim/steps.h"
#include "tests/sim/uplink.h"
#include "tests/sim/wire.h"

static struct sim s;

static int setup(void **state)
{
    (void)state;
    sim_init(&s, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_free(&s);
    return 0;
}

static void send_raw(int c, const void *p, size_t len)
{
    struct sup_buf b = {0};
    sup_raw(&b, p, len);
    sim_send(&s, c, &b);
    sup_buf_free(&b);
    sim_pump(&s);
}

/* 44 bytes get 36, 45 get 37, whatever the pieces. */
static void both_lengths(void **state)
{
    (void)state;
    for (int pieces = 0; pieces < 2; pieces++) {
        for (int read_only = -1; read_only < 2; read_only++) {
            s.chunk = pieces ? 1 : 0;
            struct sup_buf b = {0};
            int c = sim_open(&s);
            wire_connect(&b, 0, 10000, 0, read_only);
            wire_op(&b, 1, 11);
            sim_send(&s, c, &b);
            sim_pump(&s);
            assert_int_equal(s.conns[c].got.len, (read_only < 0 ? 40 : 41) + 20);
            assert_int_equal(s.conns[c].got.p[3], read_only < 0 ? 36 : 37);
            assert_int_equal(s.conns[c].requests, 1);
            sup_buf_free(&b);
        }
    }
}

static void expired_session(void **state)
{
    (void)state;
    struct sup_buf b = {0};
    int c = sim_open(&s);
    wire_connect(&b, 0x999, 10000, 0, 0);
    sim_send(&s, c, &b);
    sim_pump(&s);
    assert_true(s.conns[c].closed);
    assert_int_equal(s.conns[c].why, PK_CLOSE_SESSION_INVALID);
    assert_int_equal(s.conns[c].got.len, 41);
    sup_buf_free(&b);
}

static void close_session(void **state)
{
    (void)state;
    int c = sim_connect(&s, 10000);
    struct sup_buf b = {0};
    wire_create(&b, 1, 1, "/storm/e", "x", 1);
    wire_op(&b, 2, -11);
    wire_read(&b, 3, 3, "/storm", false);
    sim_send(&s, c, &b);
    sim_pump(&s);
    sim_expect(&s, c, 1, 0, NULL);
    sim_expect(&s, c, 2, 0, NULL);
    struct sim_frame f;
    assert_false(sim_frame(&s, c, &f));
    assert_true(s.conns[c].closed);
    assert_int_equal(s.conns[c].why, PK_CLOSE_SESSION_CLOSED);
    assert_null(tree_find(&s.zk.tree, "/storm/e"));
    assert_int_equal(core_stats(s.core)->sessions, 0);
    sup_buf_free(&b);
}

/* A client's last words count, read or not, local or not; nobody waits for the answers. */
static void last_words(void **state)
{
    (void)state;
    int c = sim_connect(&s, 10000), other = sim_connect(&s, 10000);
    struct sup_buf b = {0};
    wire_create(&b, 1, 1, "/storm/workerbeats/t", "", 0);
    wire_create(&b, 2, 1, "/storm/workerbeats/t/w", "one", 0);
    wire_set(&b, 3, "/storm/workerbeats/t/w", "two", -1);
    wire_create(&b, 4, 1, "/storm/direct", "x", 0);
    wire_set(&b, 5, "/storm/workerbeats/t/w", "three", -1);
    sim_send(&s, c, &b);
    sim_leave(&s, c);
    sim_pump(&s);
    assert_true(s.conns[c].closed);
    assert_int_equal(s.conns[c].why, PK_CLOSE_CLIENT_LEFT);
    assert_non_null(tree_find(&s.zk.tree, "/storm/direct"));
    struct sim_frame f;
    sup_buf_reset(&b);
    wire_read(&b, 1, 4, "/storm/workerbeats/t/w", false);
    sim_call(&s, other, &b, 0, &f);
    assert_memory_equal(f.body, "\0\0\0\5three", 9);
    assert_null(tree_find(&s.zk.tree, "/storm/workerbeats/t"));
    sup_buf_free(&b);
}

static void last_words_before_session(void **state)
{
    (void)state;
    struct sup_buf b = {0};
    int c = sim_open(&s);
    wire_connect(&b, 0, 10000, 0, 0);
    wire_create(&b, 1, 1, "/storm/direct", "x", 0);
    wire_op(&b, 2, -11);
    sim_send(&s, c, &b);
    sim_leave(&s, c);
    sim_pump(&s);
    assert_true(s.conns[c].closed);
    assert_non_null(tree_find(&s.zk.tree, "/storm/direct"));
    assert_int_equal(core_stats(s.core)->connections, 0);
    sup_buf_free(&b);
}

static void leaves_early(void **state)
{
    (void)state;
    struct sup_buf b = {0};
    wire_connect(&b, 0, 10000, 0, 0);
    for (size_t cut = 0; cut <= b.len; cut++) {
        int c = sim_open(&s);
        struct sup_buf part = {b.p, cut, cut};
        sim_send(&s, c, &part);
        sim_leave(&s, c);
        sim_pump(&s);
        if (!s.conns[c].closed)
            sim_advance(&s, 20000000);
        assert_true(s.conns[c].closed);
        sim_forget(&s, c);
    }
    sup_buf_free(&b);
}

static void fenced(void **state)
{
    (void)state;
    int old = sim_connect(&s, 10000), c = sim_open(&s);
    struct sup_buf b = {0};
    wire_connect(&b, s.conns[old].session, 10000, 0, 0);
    sim_send(&s, c, &b);
    s.conns[old].deaf = true;
    sim_pump(&s);
    assert_int_equal(s.conns[c].got.len, 41);
    assert_true(s.conns[old].closed);
    assert_int_equal(s.conns[old].why, PK_CLOSE_FENCED);
    assert_int_equal(core_stats(s.core)->fenced, 1);
    assert_int_equal(core_stats(s.core)->sessions, 1);
    sup_buf_free(&b);
}

/* What the older connection sent before, and nobody has read, has no effect after the newer one is confirmed. */
static void fenced_unread(void **state)
{
    (void)state;
    int old = sim_connect(&s, 10000), c = sim_open(&s);
    struct sup_buf b = {0};
    wire_create(&b, 1, 1, "/storm/workerbeats/t", "", 0);
    sim_call(&s, old, &b, 0, NULL);
    sup_buf_reset(&b);
    wire_connect(&b, s.conns[old].session, 10000, 0, 0);
    sim_send(&s, c, &b);
    sim_pump(&s);
    sup_buf_reset(&b);
    wire_set(&b, 2, "/storm/workerbeats/t", "late", -1);
    sim_send(&s, old, &b);
    sim_pump(&s);
    struct sim_frame f;
    s.conns[c].got_off = 41;
    sup_buf_reset(&b);
    wire_read(&b, 1, 4, "/storm/workerbeats/t", false);
    sim_call(&s, c, &b, 0, &f);
    assert_memory_equal(f.body, "\0\0\0\0", 4);
    sup_buf_free(&b);
}

static void words(void **state)
{
    (void)state;
    static const char *const known[] = {"ruok", "srvr", "stat", "mntr", "cons", "isro", "envi"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        for (uint32_t chunk = 0; chunk < 2; chunk++) {
            int c = sim_open(&s);
            s.chunk = chunk;
            send_raw(c, known[i], 4);
            assert_string_equal(s.conns[c].word, known[i]);
            assert_int_equal(s.conns[c].got.len, 0);
            sim_forget(&s, c);
        }
    }
    int c = sim_connect(&s, 10000);
    send_raw(c, "ruok", 4);
    assert_true(s.conns[c].closed);
    assert_int_equal(s.conns[c].why, PK_CLOSE_MALFORMED_LENGTH);
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
        assert_true(s.conns[old].closed);
        assert_int_equal(s.conns[old].why, PK_CLOSE_MALFORMED_LENGTH);
        sim_forget(&s, fresh);
        sim_forget(&s, old);
    }
    assert_int_equal(core_stats(s.core)->closed_malformed, 10);
    int c = sim_open(&s);
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

/* A frame of exactly the bound is a frame. */
static void largest_frame(void **state)
{
    (void)state;
    int c = sim_connect(&s, 10000);
    struct sup_buf b = {0};
    sup_int(&b, 0xfffff);
    sup_int(&b, 1);
    sup_int(&b, 9);
    sup_str(&b, "/storm");
    while (b.len < 4 + 0xfffff)
        sup_byte(&b, 0);
    s.chunk = 5000;
    sim_call(&s, c, &b, 0, NULL);
    sup_buf_free(&b);
}

static void refused_types(void **state)
{
    (void)state;
    static const int types[] = {-10, 0, 13, 20};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        int c = sim_connect(&s, 10000);
        struct sup_buf b = {0};
        struct sim_frame f;
        wire_create(&b, 4, 1, "/storm/x", "", 1);
        wire_path(&b, 5, types[i], "/storm");
        sim_send(&s, c, &b);
        sim_pump(&s);
        sim_expect(&s, c, 4, 0, NULL);
        sim_expect(&s, c, 5, -6, &f);
        assert_true(f.zxid == -1);
        assert_int_equal(s.zk.refused, 0);
        assert_true(s.conns[c].closed);
        assert_int_equal(s.conns[c].why, PK_CLOSE_UNIMPLEMENTED);
        sim_advance(&s, 60000000);
        sup_buf_free(&b);
    }
}

static void unknown_type_is_relayed(void **state)
{
    (void)state;
    int c = sim_connect(&s, 10000);
    struct sup_buf b = {0};
    struct sim_frame f;
    wire_path(&b, 5, 4711, "/storm");
    sim_send(&s, c, &b);
    sim_pump(&s);
    sim_expect(&s, c, 5, -6, &f);
    assert_true(f.zxid == -1);
    assert_int_equal(s.conns[c].requests, 1);
    assert_true(s.conns[c].closed);
    sup_buf_free(&b);
}

/* Bodies that do not decode reach the ensemble, which answers them; the session lives. */
static void bad_bodies(void **state)
{
    (void)state;
    static const int types[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 19, 21, 101, 104, 105, 106};
    int c = sim_connect(&s, 10000);
    struct sup_buf b = {0};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        sup_buf_reset(&b);
        size_t mark = wire_begin(&b, 100 + (int)i, types[i]);
        sup_int(&b, 1000);
        sup_raw(&b, "/storm/workerbeats/x", 20);
        wire_end(&b, mark);
        sim_call(&s, c, &b, -5, NULL);
    }
    sup_buf_free(&b);
}

static void servers_that_refuse(void **state)
{
    (void)state;
    struct sup_buf b = {0};
    int c = sim_open(&s);
    wire_connect(&b, 0, 10000, 0, 0);
    s.conns[c].refuse = 2;
    sim_send(&s, c, &b);
    sim_pump(&s);
    assert_int_equal(s.conns[c].opened, 3);
    assert_int_equal(s.conns[c].got.len, 41);
    c = sim_open(&s);
    s.conns[c].refuse = 1;
    s.conns[c].fail = 0;
    sim_send(&s, c, &b);
    s.conns[c].hold = true;
    sim_pump(&s);
    assert_int_equal(s.conns[c].got.len, 41);
    c = sim_open(&s);
    s.conns[c].fail = 1;
    sim_send(&s, c, &b);
    sim_pump(&s);
    assert_true(s.conns[c].closed);
    assert_int_equal(s.conns[c].why, PK_CLOSE_NO_UPSTREAM);
    assert_int_equal(s.conns[c].got.len, 0);
    sup_buf_free(&b);
}

static void uplink_lost(void **state)
{
    (void)state;
    int c = sim_connect(&s, 10000);
    struct sup_buf b = {0};
    wire_read(&b, 1, 3, "/storm", false);
    wire_read(&b, 2, 3, "/storm", false);
    s.conns[c].hold = true;
    sim_send(&s, c, &b);
    sim_pump(&s);
    sim_release(&s, c, 1);
    s.conns[c].uplink.eof = true;
    sim_pump(&s);
    sim_expect(&s, c, 1, 0, NULL);
    assert_true(s.conns[c].closed);
    assert_int_equal(s.conns[c].why, PK_CLOSE_UPLINK_LOST);
    assert_int_equal(s.conns[c].got.len, s.conns[c].got_off);
    assert_int_equal(core_stats(s.core)->uplinks, 0);
    sup_buf_free(&b);
}

/* Half a reply is not given to the client when the rest never comes... but for what has already passed
 * through. */
static void malformed_upstream(void **state)
{
    (void)state;
    static const uint8_t lengths[][4] = {
        {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0}, {0, 0, 0, 15}, {0x80, 0, 0, 1}};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int c = sim_connect(&s, 10000);
        sup_raw(&s.conns[c].uplink.todo, lengths[i], 4);
        sup_raw(&s.conns[c].uplink.todo, "123456789012345678", 18);
        sim_pump(&s);
        assert_true(s.conns[c].closed);
        assert_int_equal(s.conns[c].why, PK_CLOSE_MALFORMED_UPSTREAM);
        sim_forget(&s, c);
    }
    int c = sim_connect(&s, 10000);
    struct sup_buf b = {0};
    sup_int(&b, 16);
    sup_int(&b, 77);
    sup_long(&b, 5);
    sup_int(&b, 0);
    sup_raw(&s.conns[c].uplink.todo, b.p, b.len);
    sim_pump(&s);
    assert_true(s.conns[c].closed);
    assert_int_equal(s.conns[c].why, PK_CLOSE_UNEXPECTED_REPLY);
    sup_buf_free(&b);
}

static void stale_ids(void **state)
{
    (void)state;
    int c = sim_connect(&s, 10000);
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
    int a = sim_connect(&s, 10000), b = sim_connect(&s, 10000), fresh = sim_open(&s);
    struct sup_buf w = {0};
    s.conns[a].hold = true;
    wire_create(&w, 1, 1, "/storm/x", "", 0);
    sim_send(&s, a, &w);
    sim_pump(&s);
    sim_step(&s, -1, PK_DRAIN, NULL, 0);
    sim_pump(&s);
    assert_true(s.conns[b].closed);
    assert_true(s.conns[fresh].closed);
    assert_false(core_idle(s.core));
    sim_release(&s, a, 1);
    sim_expect(&s, a, 1, 0, NULL);
    assert_true(s.conns[a].closed);
    assert_int_equal(s.conns[a].why, PK_CLOSE_DRAINED);
    assert_true(core_idle(s.core));
    sup_buf_free(&w);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(both_lengths),
        CASE(expired_session),
        CASE(close_session),
        CASE(last_words),
        CASE(last_words_before_session),
        CASE(leaves_early),
        CASE(fenced),
        CASE(fenced_unread),
        CASE(words),
        CASE(bad_lengths),
        CASE(largest_frame),
        CASE(refused_types),
        CASE(unknown_type_is_relayed),
        CASE(bad_bodies),
        CASE(servers_that_refuse),
        CASE(uplink_lost),
        CASE(malformed_upstream),
        CASE(stale_ids),
        CASE(drains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
