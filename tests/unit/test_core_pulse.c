/*
 * Clients of Pacemaker's protocol: their messages on the same store, what ZooKeeper's clients see of them, and the
 * ensemble behind. Once the ensemble has been asked about a topology, beats cost it nothing.
 */
#include <stdio.h>

#include "proto/pulse.h"
#include "tests/sim/core_fixture.h"

static int p; /* a client of Pacemaker's protocol */

static struct pk_bytes bytes(const char *text)
{
    return text != NULL ? (struct pk_bytes){(const uint8_t *)text, (uint32_t)strlen(text)}
                        : (struct pk_bytes){NULL, 0};
}

static int setup(void **state)
{
    struct core_config config = sim_default_config;
    (void)state;
    config.pacemaker = M;
    config.max_message = 1 << 20;
    sim_init(&s, &config);
    c = sim_connect(&s, 10000);
    other = sim_connect(&s, 10000);
    p = sim_open_pacemaker(&s);
    return 0;
}

/* Appends a message: details NULL is one that consists of a path. */
static void put(int type, int id, const char *path, const char *details)
{
    uint8_t frame[PK_PULSE_ROOM + 8192];
    uint8_t *end;
    if (type == PK_PULSE_SEND)
        end = pk_pulse_put_send(frame, id, bytes(path), bytes(details));
    else
        end = pk_pulse_put_path(frame, (enum pk_pulse_type)type, id, bytes(path));
    sup_raw(&b, frame, (size_t)(end - frame));
}

static struct pk_pulse expect(int conn, int type, int id)
{
    struct pk_pulse m;
    if (!sim_pulse(&s, conn, &m))
        fail_msg("no reply of type %d (closed %d, why %d)", type, s.conns[conn].closed,
                 (int)s.conns[conn].why);
    assert_int_equal(m.type, type);
    assert_int_equal(m.id, id);
    return m;
}

/* Sends one message and returns its reply, which must be the usual one. */
static struct pk_pulse call(int type, const char *path, const char *details)
{
    static int id;
    put(type, ++id, path, details);
    sim_go(&s, p, &b);
    return expect(p, type + 1, id);
}

static void expect_details(const char *path, const char *details)
{
    struct pk_pulse m = call(PK_PULSE_GET, path, NULL);
    assert_true(pk_bytes_eq(m.path, bytes(path)));
    assert_true(pk_bytes_eq(m.details, bytes(details)));
}

static const char *names_of(struct pk_pulse *m)
{
    static char text[1024];
    size_t n = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < m->nnodes; i++) {
        struct pk_bytes name = pk_get_bytes(&m->nodes);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", i > 0 ? " " : "", (int)name.len,
                              (const char *)name.p);
    }
    return text;
}

static void expect_nodes(const char *path, const char *names)
{
    struct pk_pulse m = call(PK_PULSE_LIST, path, NULL);
    assert_string_equal(names_of(&m), names);
}

static int64_t writes(void)
{
    return (int64_t)s.zk.writes;
}

/* ---- pulses are znodes ---- */

static void a_first_pulse_makes_its_parents_in_memory(void **state)
{
    int64_t before = writes();
    struct sim_frame f;
    (void)state;
    call(PK_PULSE_SEND, "/workerbeats/t/n-1", "one");
    assert_null(upstream(M "/t"));
    assert_int_equal(st()->znodes, 2);
    call(PK_PULSE_SEND, "/workerbeats/t/n-2", "two");
    assert_int_equal(st()->pulses_asked, 1);
    call(PK_PULSE_SEND, "/workerbeats/t/n-1", "one again");
    assert_int_equal(writes(), before);
    wire_read(&b, 1, PK_OP_GET_DATA, M "/t/n-1", false);
    sim_call(&s, c, &b, 0, &f);
    sim_expect_data(&f, "one again");
    assert_int_equal(sim_stat(&f).version, 1);
    wire_read(&b, 2, PK_OP_GET_CHILDREN, M "/t", false);
    sim_call(&s, c, &b, 0, &f);
    assert_string_equal(sim_names(&f), "n-2 n-1");
}

static void a_beat_that_is_held_asks_nobody(void **state)
{
    uint64_t asked;
    (void)state;
    call(PK_PULSE_SEND, "/workerbeats/t/n", "0");
    asked = s.zk.writes + (uint64_t)st()->requests_relayed;
    for (int i = 0; i < 100; i++) {
        call(PK_PULSE_SEND, "/workerbeats/t/n", "1");
        expect_details("/workerbeats/t/n", "1");
    }
    assert_int_equal(s.zk.writes + (uint64_t)st()->requests_relayed, asked);
    assert_int_equal(st()->pulses_asked, 1);
}

static void what_zookeepers_clients_wrote_is_a_pulse(void **state)
{
    (void)state;
    sim_local_create(&s, c, M "/t", "\7");
    sim_local_create(&s, c, M "/t/n", "beat");
    expect_details("/workerbeats/t/n", "beat");
    assert_true(call(PK_PULSE_EXISTS, "/workerbeats/t/n", NULL).boolval);
    expect_nodes("/workerbeats", "t");
    expect_nodes("/workerbeats/t/", "n");
    expect_nodes("/", "workerbeats");
    expect_nodes("", "workerbeats");
    assert_int_equal(sim_direct_create(&s, M "/t2", "\7"), 0);
    assert_int_equal(sim_direct_create(&s, M "/t2/n", "upstream"), 0);
    expect_details("/workerbeats/t2/n", "upstream");
    assert_true(call(PK_PULSE_EXISTS, "/workerbeats/t2/n", NULL).boolval);
    expect_nodes("/workerbeats/t2", "n");
    expect_nodes("/workerbeats", "t2 t");
}

static void what_is_not_there_is_no_error(void **state)
{
    (void)state;
    expect_details("/workerbeats/t/n", NULL);
    assert_false(call(PK_PULSE_EXISTS, "/workerbeats/t/n", NULL).boolval);
    expect_nodes("/workerbeats/t", "");
    expect_nodes("/workerbeats", "");
    expect_nodes("/", "");
    call(PK_PULSE_DELETE, "/workerbeats/t", NULL);
    call(PK_PULSE_DELETE_ID, "/workerbeats/t/n", NULL);
    call(PK_PULSE_CREATE_PATH, "/workerbeats/t", NULL);
    assert_int_equal(call(PK_PULSE_GET_ALL, "/workerbeats/t", NULL).data, PK_PULSE_NOTHING);
    assert_int_equal(st()->znodes, 0);
}

static void parents_are_no_pulses_and_go_with_the_last_one(void **state)
{
    (void)state;
    call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    assert_false(call(PK_PULSE_EXISTS, "/workerbeats/t", NULL).boolval);
    expect_details("/workerbeats/t", NULL);
    call(PK_PULSE_DELETE_ID, "/workerbeats/t", NULL);
    expect_nodes("/workerbeats", "t");
    call(PK_PULSE_SEND, "/workerbeats/t", "itself");
    call(PK_PULSE_DELETE_ID, "/workerbeats/t", NULL);
    expect_details("/workerbeats/t", NULL);
    expect_details("/workerbeats/t/n", "x");
    call(PK_PULSE_DELETE_ID, "/workerbeats/t/n", NULL);
    assert_int_equal(st()->znodes, 0);
    expect_nodes("/workerbeats", "");
}

static void a_topology_goes_as_a_whole(void **state)
{
    char path[64];
    (void)state;
    call(PK_PULSE_SEND, "/workerbeats/t-10/n", "stays");
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "/workerbeats/t-1/n-%d", i);
        put(PK_PULSE_SEND, i, path, "x");
    }
    sim_go(&s, p, &b);
    for (int i = 0; i < 3000; i++)
        expect(p, PK_PULSE_SEND + 1, i);
    assert_int_equal(st()->znodes, 3003);
    call(PK_PULSE_DELETE, "/workerbeats/t-1", NULL);
    assert_int_equal(st()->znodes, 2);
    expect_details("/workerbeats/t-10/n", "stays");
}

/* Local children below a topology of the ensemble, children of the ensemble's, and one level more. */
static void a_topology_of_the_ensemble_goes_too(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, M "/t", "\7"), 0);
    assert_int_equal(sim_direct_create(&s, M "/t/a", "1"), 0);
    assert_int_equal(sim_direct_create(&s, M "/t/a/deep", "1"), 0);
    assert_int_equal(sim_direct_create(&s, M "/t/b", "1"), 0);
    call(PK_PULSE_SEND, "/workerbeats/t/local", "2");
    assert_null(upstream(M "/t/local"));
    call(PK_PULSE_DELETE, "/workerbeats/t/", NULL);
    assert_null(upstream(M "/t"));
    assert_int_equal(st()->znodes, 0);
    expect_nodes("/workerbeats", "");
}

static void everything_goes_but_the_mount(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, M "/t", "\7"), 0);
    call(PK_PULSE_SEND, "/workerbeats/t/local", "2");
    call(PK_PULSE_SEND, "/workerbeats/u/local", "2");
    call(PK_PULSE_DELETE, "/", NULL);
    assert_int_equal(st()->znodes, 0);
    assert_null(upstream(M "/t"));
    assert_non_null(upstream(M));
}

static void the_mount_is_made_where_it_is_missing(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_delete(&s, M), 0);
    call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    assert_non_null(upstream(M));
    assert_null(upstream(M "/t"));
    expect_details("/workerbeats/t/n", "x");
}

/* ---- what the ensemble has: cached, and written back ---- */

static void a_pulse_that_the_ensemble_has_is_cached(void **state)
{
    struct sim_frame f;
    (void)state;
    assert_int_equal(sim_direct_create(&s, M "/t", "\7"), 0);
    assert_int_equal(sim_direct_create(&s, M "/t/n", "0"), 0);
    call(PK_PULSE_SEND, "/workerbeats/t/n", "1");
    expect_upstream(M "/t/n", "1", 1);
    int64_t before = writes();
    for (int i = 0; i < 10; i++)
        call(PK_PULSE_SEND, "/workerbeats/t/n", "2");
    assert_int_equal(writes(), before);
    assert_int_equal(st()->dirty, 1);
    expect_details("/workerbeats/t/n", "2");
    wire_read(&b, 1, PK_OP_GET_DATA, M "/t/n", false);
    sim_call(&s, c, &b, 0, &f);
    sim_expect_data(&f, "2");
    assert_int_equal(sim_stat(&f).version, 11);
    sim_advance(&s, 180 * 1000000); /* nobody beats: the lane goes, what it wrote stays */
    expect_upstream(M "/t/n", "2", 11);
    assert_int_equal(st()->dirty, 0);
    assert_int_equal(sim_service(&s), -1);
}

static void a_watched_pulse_is_told_to_watchers(void **state)
{
    (void)state;
    call(PK_PULSE_SEND, "/workerbeats/t/n", "1");
    sim_watch(&s, c, 7, M "/t/n");
    sim_expect(&s, c, 7, 0, NULL);
    assert_non_null(upstream(M "/t/n"));
    call(PK_PULSE_SEND, "/workerbeats/t/n", "2");
    sim_expect_event(&s, c, PK_EVENT_DATA_CHANGED, M "/t/n");
    expect_details("/workerbeats/t/n", "2");
}

static void what_the_ensemble_refuses_is_not_authorized(void **state)
{
    (void)state;
    allow_upstream(M, PK_PERM_READ);
    put(PK_PULSE_SEND, 5, "/workerbeats/t/n", "x");
    put(PK_PULSE_GET, 6, "/workerbeats/t/n", NULL);
    sim_go(&s, p, &b);
    expect(p, PK_PULSE_NOT_AUTHORIZED, 5);
    expect(p, PK_PULSE_GET + 1, 6);
    assert_int_equal(st()->pulses_refused, 1);
}

/* Messages are judged by the policy of the mount, whether memory answers or the ensemble is asked. */
static void who_may_not_is_not_authorized(void **state)
{
    (void)state;
    static const struct core_who nimbus[] = {{.scheme = "sasl", .id = "nimbus", .upstream = true}},
                                 anyone[] = {{.scheme = "world", .id = "anyone", .upstream = true}};
    const struct core_policy reads = {.readers = nimbus, .nreaders = 1, .writers = anyone, .nwriters = 1},
                             alone = {.readers = nimbus, .nreaders = 1, .writers = nimbus, .nwriters = 1};
    static const int readers[] = {PK_PULSE_EXISTS, PK_PULSE_GET, PK_PULSE_LIST},
                     writers[] = {PK_PULSE_SEND, PK_PULSE_DELETE, PK_PULSE_DELETE_ID};
    static const char *const paths[] = {"/workerbeats/t/n", "/workerbeats/t/none", "/workerbeats", "/"};
    struct core_mount mount = sim_default_config.mounts[0];
    mount.policy = &reads;
    assert_int_equal(core_mount_set(s.core, 0, &mount), PK_OK);
    call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 4; k++) {
            put(readers[i], 7, paths[k], NULL);
            sim_go(&s, p, &b);
            expect(p, PK_PULSE_NOT_AUTHORIZED, 7);
        }
    assert_int_equal(st()->requests_denied, 12);
    call(PK_PULSE_DELETE_ID, "/workerbeats/t/none", NULL);
    mount.policy = &alone;
    assert_int_equal(core_mount_set(s.core, 0, &mount), PK_OK);
    for (int i = 0; i < 3; i++) {
        put(writers[i], 8, "/workerbeats/t/n", "y");
        sim_go(&s, p, &b);
        expect(p, PK_PULSE_NOT_AUTHORIZED, 8);
    }
    assert_int_equal(core_identify(s.core, s.conns[p].id, "sasl", "nimbus"), PK_OK);
    expect_details("/workerbeats/t/n", "x");
    expect_nodes("/workerbeats", "t");
    call(PK_PULSE_SEND, "/workerbeats/u/n", "y");
    call(PK_PULSE_DELETE, "/workerbeats/t", NULL);
}

static void what_can_be_no_znode_is_not_kept(void **state)
{
    static const char *const never[] = {"workerbeats/t",
                                        "/other/t",
                                        "/workerbeats",
                                        "/workerbeats/t/",
                                        "/workerbeats//t",
                                        "/workerbeats/../t",
                                        "",
                                        "/",
                                        "/workerbeatsX/t"};
    (void)state;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        put(PK_PULSE_SEND, (int)i, never[i], "x");
        put(PK_PULSE_GET, 100, never[i], NULL);
        put(PK_PULSE_EXISTS, 101, never[i], NULL);
        put(PK_PULSE_DELETE_ID, 102, never[i], NULL);
        sim_go(&s, p, &b);
        expect(p, PK_PULSE_NOT_AUTHORIZED, (int)i);
        assert_null(expect(p, PK_PULSE_GET + 1, 100).details.p);
        assert_false(expect(p, PK_PULSE_EXISTS + 1, 101).boolval);
        expect(p, PK_PULSE_DELETE_ID + 1, 102);
    }
    assert_int_equal(st()->pulses_asked, 0);
}

/* ---- order, pipelines, lost servers ---- */

static void replies_come_in_the_order_of_the_messages(void **state)
{
    (void)state;
    put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "x");
    put(PK_PULSE_GET, 1, "/workerbeats/t/n", NULL);
    put(PK_PULSE_LIST, 2, "/workerbeats", NULL);
    put(PK_PULSE_DELETE, 0, "/workerbeats/t", NULL);
    put(PK_PULSE_LIST, -7, "/workerbeats", NULL);
    put(PK_PULSE_CREATE_PATH, 3, "/x", NULL);
    sim_go(&s, p, &b);
    expect(p, PK_PULSE_SEND + 1, 1);
    assert_true(pk_bytes_eq(expect(p, PK_PULSE_GET + 1, 1).details, bytes("x")));
    struct pk_pulse m = expect(p, PK_PULSE_LIST + 1, 2);
    assert_string_equal(names_of(&m), "t");
    expect(p, PK_PULSE_DELETE + 1, 0);
    assert_int_equal(expect(p, PK_PULSE_LIST + 1, -7).nnodes, 0);
    expect(p, PK_PULSE_CREATE_PATH + 1, 3);
}

static void nobody_waits_for_what_another_asks(void **state)
{
    int q = sim_open_pacemaker(&s);
    (void)state;
    call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    s.conns[sim_service(&s)].hold = true;
    put(PK_PULSE_LIST, 1, "/workerbeats", NULL);
    put(PK_PULSE_GET, 2, "/workerbeats/t/n", NULL);
    s.service_hold = true;
    sim_go(&s, p, &b);
    struct pk_pulse m;
    assert_false(sim_pulse(&s, p, &m));
    put(PK_PULSE_GET, 3, "/workerbeats/t/n", NULL);
    sim_go(&s, q, &b);
    expect(q, PK_PULSE_GET + 1, 3);
}

static void a_message_is_asked_again_when_its_server_is_lost(void **state)
{
    (void)state;
    s.service_hold = true;
    put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "x");
    sim_go(&s, p, &b);
    s.service_hold = false;
    sim_lose(&s, sim_service(&s), 0, SIM_UNHEARD);
    sim_pump(&s);
    expect(p, PK_PULSE_SEND + 1, 1);
    expect_details("/workerbeats/t/n", "x");
}

static void without_an_ensemble_a_client_is_told_by_an_end(void **state)
{
    int q = sim_open_pacemaker(&s);
    (void)state;
    call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    put(PK_PULSE_LIST, 1, "/workerbeats", NULL);
    s.service_fail = 1000;
    sim_lose(&s, sim_service(&s), 0, SIM_UNHEARD);
    sim_go(&s, q, &b);
    sim_advance(&s, 10 * 1000000);
    sim_expect_closed(&s, q, PK_CLOSE_UNDECIDED);
    expect_details("/workerbeats/t/n", "x");
    call(PK_PULSE_SEND, "/workerbeats/t/m", "a new one below the same parent");
}

static void a_client_that_leaves_is_finished(void **state)
{
    (void)state;
    put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "last");
    put(PK_PULSE_SEND, 2, "/workerbeats/t/m", "words");
    sim_send(&s, p, &b);
    sup_buf_reset(&b);
    sim_leave(&s, p);
    sim_pump(&s);
    sim_expect_closed(&s, p, PK_CLOSE_CLIENT_LEFT);
    p = sim_open_pacemaker(&s);
    expect_details("/workerbeats/t/n", "last");
    expect_details("/workerbeats/t/m", "words");
}

static void a_stop_finishes_what_was_received(void **state)
{
    (void)state;
    put(PK_PULSE_SEND, 1, "/workerbeats/t/n", "x");
    sim_go(&s, p, &b);
    expect(p, PK_PULSE_SEND + 1, 1);
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
    call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int q = sim_open_pacemaker(&s);
        sup_raw(&b, bad[i].p, bad[i].len);
        sim_go(&s, q, &b);
        if (!s.conns[q].closed)
            fail_msg("case %zu does not end its connection", i);
        assert_int_equal(s.conns[q].got.len, 0);
        sim_forget(&s, q);
        expect_details("/workerbeats/t/n", "x");
    }
    assert_int_equal(st()->closed_malformed, sizeof bad / sizeof bad[0]);
}

static void a_path_is_no_regular_expression(void **state)
{
    (void)state;
    call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    expect_nodes("/workerbeats/[", "");
    expect_nodes("/workerbeats/.*", "");
}

static void a_reply_as_a_request_is_not_answered(void **state)
{
    uint8_t frame[PK_PULSE_REPLY_LEN];
    (void)state;
    pk_pulse_put_reply(frame, PK_PULSE_SEND + 1, 1);
    sup_raw(&b, frame, sizeof frame);
    sim_go(&s, p, &b);
    expect_nodes("/workerbeats", "");
}

static void one_that_says_nothing_makes_room(void **state)
{
    int q = sim_open_pacemaker(&s);
    (void)state;
    call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    sim_advance(&s, 3600 * (int64_t)1000000);
    assert_false(s.conns[q].closed);
    sim_step(&s, p, PK_CLIENT_DISMISS, NULL, 0);
    sim_step(&s, q, PK_CLIENT_DISMISS, NULL, 0);
    sim_pump(&s);
    sim_expect_closed(&s, q, PK_CLOSE_MADE_ROOM);
    expect_details("/workerbeats/t/n", "x");
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
    expect(p, PK_PULSE_LIST + 1, -1);
}

/* A reader that does not read is not read from either. */
static void a_slow_reader_is_waited_for(void **state)
{
    static char big[8000];
    (void)state;
    memset(big, 'x', sizeof big - 1);
    call(PK_PULSE_SEND, "/workerbeats/t/n", big);
    s.conns[p].client.taking = SIM_NOTHING;
    for (int i = 0; i < 200; i++)
        put(PK_PULSE_GET, i, "/workerbeats/t/n", NULL);
    sim_go(&s, p, &b);
    assert_false(s.conns[p].client.reading);
    s.conns[p].client.taking = SIM_WHOLE;
    s.conns[p].client.under_way = false;
    sim_pump(&s);
}

#define PULSE(name) cmocka_unit_test_setup_teardown(name, setup, core_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PULSE(a_first_pulse_makes_its_parents_in_memory),
        PULSE(a_beat_that_is_held_asks_nobody),
        PULSE(what_zookeepers_clients_wrote_is_a_pulse),
        PULSE(what_is_not_there_is_no_error),
        PULSE(parents_are_no_pulses_and_go_with_the_last_one),
        PULSE(a_topology_goes_as_a_whole),
        PULSE(a_topology_of_the_ensemble_goes_too),
        PULSE(everything_goes_but_the_mount),
        PULSE(the_mount_is_made_where_it_is_missing),
        PULSE(a_pulse_that_the_ensemble_has_is_cached),
        PULSE(a_watched_pulse_is_told_to_watchers),
        PULSE(what_the_ensemble_refuses_is_not_authorized),
        PULSE(who_may_not_is_not_authorized),
        PULSE(what_can_be_no_znode_is_not_kept),
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
