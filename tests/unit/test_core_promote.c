/* Promotion: counters replayed, others waiting, and everything that can go wrong in the middle. */
#include "base/map.h"
#include "core/sync/batch.h"
#include "tests/sim/core_fixture.h"

#include <stdio.h>

static void counters_are_replayed(void **state)
{
    (void)state;
    sim_local_create(&s, c, M "/t", "");
    sim_local_create(&s, c, M "/t/w", "x");
    sim_beats(&s, c, M "/t/w", 7);
    for (int i = 0; i < 3; i++) {
        sim_local_create(&s, c, M "/t/v", "v");
        wire_delete(&b, 9, M "/t/v", -1);
        sim_call(&s, c, &b, PK_Z_OK, NULL);
    }
    uint64_t writes = s.zk.writes;
    sim_watch(&s, other, 3, M "/t/w");
    struct sim_frame f;
    sim_expect(&s, other, 3, PK_Z_OK, &f);
    assert_int_equal(sim_stat(&f).version, 7);
    expect_upstream(M "/t/w", "beat 6", 7);
    assert_int_equal(upstream(M "/t")->creates, 4);
    int below = 0;
    for (int i = 0; i < s.zk.tree.n; i++)
        below += strncmp(s.zk.tree.nodes[i].path, M "/t/", strlen(M "/t/")) == 0;
    assert_int_equal(below, 1); /* no dummy is left */
    assert_in_range(s.zk.writes - writes, 1, 6);
    assert_int_equal(st()->znodes, 0);
    assert_int_equal(st()->promoted_znodes, 2);
}

static void many_writes_are_cut(void **state)
{
    (void)state;
    struct core_log_event event;
    bool logged = false;
    sim_local_create(&s, c, M "/t", "x");
    sim_beats(&s, c, M "/t", 1500);
    sim_watch(&s, other, 3, M "/t");
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
    const struct tree_node *t = upstream(M "/t");
    assert_non_null(t);
    assert_in_range(t->version, 900, 1000);
    assert_memory_equal(t->data, "beat 1499", 9);
    while (core_take_log_event(s.core, &event))
        logged |= event.kind == PK_LOG_EVENT_COUNTERS_CUT && strcmp(event.path, M "/t") == 0;
    assert_true(logged);
}

/* Lets the service session's server do so many things; it is held. */
static void serve(int n)
{
    assert_true(sim_service(&s) >= 0);
    sim_release(&s, sim_service(&s), n);
}

/* While a batch is under way reads of it are local, and writes wait, in the order in which they came. */
static void writes_wait_for_their_batch(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "x");
    s.service_hold = true;
    sim_watch(&s, c, 3, M "/t");
    wire_read(&b, 10, PK_OP_GET_DATA, M "/t", false);
    wire_set(&b, 11, M "/t", "waits", 0);
    wire_read(&b, 12, PK_OP_GET_DATA, M "/t", false);
    sim_go(&s, other, &b);
    sim_expect(&s, other, 10, PK_Z_OK, &f);
    sim_expect_data(&f, "x");
    assert_false(sim_frame(&s, other, &f));
    serve(20);
    sim_expect(&s, other, 11, PK_Z_OK, &f);
    sim_expect(&s, other, 12, PK_Z_OK, &f);
    sim_expect_data(&f, "waits");
    expect_upstream(M "/t", "waits", 1);
    sim_expect(&s, c, 3, PK_Z_OK, NULL);
}

/* What awaits its turn is answered from memory, and promoted with its newest data when that comes. */
static void what_awaits_its_turn_is_not_busy(void **state)
{
    (void)state;
    static const char *const paths[2] = {M "/t/a", M "/t/b"};
    struct sim_frame f;
    int answered = 0, who[2] = {sim_connect(&s, 10000), other};
    sim_local_create(&s, c, M "/t", "");
    for (int i = 0; i < 2; i++) {
        sim_local_create(&s, who[i], paths[i], "");
        sim_beats(&s, who[i], paths[i], 60);
    }
    s.service_hold = true;
    wire_read(&b, 3, PK_OP_GET_CHILDREN, M "/t", true);
    sim_go(&s, c, &b);
    for (int i = 0; i < 2; i++) {
        wire_set(&b, 9, paths[i], "newest", 60);
        sim_go(&s, who[i], &b);
        answered += sim_frame(&s, who[i], &f);
    }
    assert_int_equal(answered, 1);
    serve(20);
    sim_expect(&s, c, 3, PK_Z_OK, NULL);
    for (int i = 0; i < 2; i++)
        expect_upstream(paths[i], "newest", 61);
}

/* Sends one batch and says how many of them it is; the ensemble takes so long for it. */
static int64_t batch(int64_t us)
{
    int64_t before = st()->znodes;
    s.now_us += us;
    serve(1);
    return before - st()->znodes;
}

/* A beat in one of the znodes of a batch waits for it: once each was 500 operations, however long that took. */
static void a_batch_is_what_is_answered_soon(void **state)
{
    (void)state;
    enum { ZNODES = 3000 };
    char path[64];
    int64_t n = 0;
    sim_local_create(&s, c, M "/t", "");
    for (int i = 0; i < ZNODES; i++) {
        snprintf(path, sizeof path, M "/t/%d", i);
        sim_local_create(&s, c, path, "");
    }
    s.service_hold = true;
    wire_add_watch(&b, 3, M "/t", PK_WATCH_PERSISTENT_RECURSIVE);
    sim_go(&s, other, &b);
    assert_in_range(batch(1000), 1, 100);
    for (int i = 0; i < 4; i++)
        n = batch(1000);
    assert_int_equal(n, PK_BATCH_ZNODES);
    for (int i = 0; i < 6; i++)
        n = batch(100000);
    assert_in_range(n, 1, 40);
    for (int i = 0; i < 21; i++) /* however few they are, it takes as long: there is nothing to be had */
        n = batch(400000);
    assert_in_range(n, 100, PK_BATCH_ZNODES);
    serve(20);
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
}

/* Once the server was asked to catch up for each of the znodes that a request names. */
static void a_request_catches_up_once(void **state)
{
    (void)state;
    enum { ZNODES = 200 };
    char path[64];
    sim_local_create(&s, c, M "/t", "");
    for (int i = 0; i < ZNODES; i++) {
        snprintf(path, sizeof path, M "/t/%d", i);
        sim_local_create(&s, c, path, "");
    }
    uint64_t before = s.conns[other].requests;
    size_t mark = wire_multi(&b, 3, PK_OP_MULTI);
    for (int i = 0; i < ZNODES; i++) {
        snprintf(path, sizeof path, M "/t/%d", i);
        wire_multi_check(&b, path, -1);
    }
    wire_multi_end(&b, mark);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    assert_in_range(s.conns[other].requests - before, 2, 4);
}

/* Once a client whose server hung kept everybody's beats waiting, for as long as its own session lasted. */
static void who_asks_keeps_nobody_waiting(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "x");
    int monitor = sim_connect(&s, 40000);
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    sim_call(&s, monitor, &b, PK_Z_OK, NULL);
    s.conns[monitor].hold = true;
    sim_watch(&s, monitor, 3, M "/t");
    for (int i = 0; i < 20; i++) {
        wire_set(&b, 10 + i, M "/t", "beat", -1);
        sim_call(&s, c, &b, PK_Z_OK, NULL);
        sim_advance(&s, 250000);
    }
    sim_local_create(&s, other, M "/new", "first beat");
    assert_false(sim_frame(&s, monitor, &f));
    for (int i = 0; i < 20; i++)
        sim_release(&s, monitor, 1);
    sim_expect(&s, monitor, 3, PK_Z_OK, NULL);
}

/* The service session's server is lost in the middle of a batch, before or after the ensemble did it. */
static void promotion_cut_off(void **state)
{
    (void)state;
    for (int done = 0; done < 2; done++) {
        char path[64];
        snprintf(path, sizeof path, M "/cut%d", done);
        sim_local_create(&s, c, path, "x");
        sim_beats(&s, c, path, 3);
        s.service_hold = true;
        sim_watch(&s, other, 3, path);
        int service = sim_service(&s);
        sim_lose(&s, service, done, SIM_UNHEARD);
        assert_int_equal(upstream(path) != NULL, done);
        s.service_hold = s.conns[service].hold = false;
        sim_pump(&s);
        sim_advance(&s, 3000000);
        sim_expect(&s, other, 3, PK_Z_OK, NULL);
        sim_beats(&s, c, path, 2);
        expect_upstream(path, "beat 1", 5);
        struct sim_frame event;
        assert_true(sim_frame(&s, other, &event));
    }
}

/* The xid of the last request that the held server of a connection has not looked at; it is of that kind. */
static int last_xid(int conn, int op)
{
    const struct sup_buf *wire = &s.conns[conn].wire;
    const uint8_t *last = NULL;
    for (size_t at = s.conns[conn].wire_off; at < wire->len; at += 4 + sup_be32(wire->p + at))
        last = wire->p + at;
    assert_non_null(last);
    assert_int_equal(sup_be32(last + 8), op);
    return (int)sup_be32(last + 4);
}

/* Of the questions about a promotion that was cut off the last is answered first, with an error that may come early:
 * they are asked again. Once the znode was taken for somebody else's, and the answer that was left for one about a
 * promotion that had ended. */
static void asked_and_answered_out_of_turn(void **state)
{
    (void)state;
    sim_local_create(&s, c, M "/t", "x");
    s.service_hold = true;
    sim_watch(&s, other, 3, M "/t");
    sim_lose(&s, sim_service(&s), 0, SIM_UNHEARD);
    sim_pump(&s);
    sim_advance(&s, 1000000);
    int service = sim_service(&s);
    sim_answer(&s, service, last_xid(service, PK_OP_GET_ACL), 0, PK_Z_NO_AUTH);
    sim_pump(&s);
    s.service_hold = s.conns[service].hold = false;
    sim_pump(&s);
    sim_advance(&s, 3000000);
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
    expect_upstream(M "/t", "x", 0);
    assert_int_equal(st()->foreign_creates, 0);
}

/* Somebody made a znode of that path directly: theirs stays. */
static void foreign_create(void **state)
{
    (void)state;
    sim_local_create(&s, c, M "/t", "ours");
    assert_int_equal(sim_direct_create(&s, M "/t", "theirs"), PK_Z_OK);
    wire_read(&b, 3, PK_OP_GET_DATA, M "/t", true);
    sim_go(&s, other, &b);
    struct sim_frame f;
    sim_expect(&s, other, 3, PK_Z_OK, &f);
    sim_expect_data(&f, "theirs");
    assert_int_equal(st()->foreign_creates, 1);
    assert_int_equal(st()->znodes, 0);
}

/* A promotion is cut off, carried out or not, and before it is looked at somebody makes the znode directly, with
 * rights of his own, and perhaps our data. Once the next promotion deleted his and put ours there, open to all. */
static void made_directly_after_a_cut(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        const char *data = way & 2 ? "x" : "his";
        char path[64];
        snprintf(path, sizeof path, M "/cut%d", way);
        sim_local_create(&s, c, path, "x");
        s.service_hold = true;
        sim_watch(&s, other, 3, path);
        int service = sim_service(&s);
        sim_lose(&s, service, way & 1, SIM_UNHEARD);
        if (way & 1)
            assert_int_equal(sim_direct_delete(&s, path), PK_Z_OK);
        assert_int_equal(sim_direct_create(&s, path, data), PK_Z_OK);
        allow_upstream(path, PK_PERM_READ | PK_PERM_CREATE | PK_PERM_DELETE);
        s.service_hold = s.conns[service].hold = false;
        sim_pump(&s);
        sim_advance(&s, 3000000);
        sim_expect(&s, other, 3, PK_Z_OK, NULL);
        expect_upstream(path, data, 0);
        assert_int_equal(upstream(path)->aversion, 1);
        assert_int_equal(st()->foreign_creates, way + 1);
        assert_int_equal(st()->znodes, 0);
        wire_set(&b, 4, path, "ours", -1);
        sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    }
}

/* The mount's root was removed directly: it is made again when it is needed. */
static void parent_is_made_again(void **state)
{
    (void)state;
    sim_local_create(&s, c, M "/t", "x");
    assert_int_equal(sim_direct_delete(&s, M), PK_Z_OK);
    sim_watch(&s, other, 3, M "/t");
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/t"));
}

/* The parent's ACL was changed directly: the request is told, the znode stays, everybody goes on. */
static void promotion_is_refused(void **state)
{
    (void)state;
    sim_local_create(&s, c, M "/t", "x");
    allow_upstream(M, PK_PERM_READ);
    sim_watch(&s, other, 3, M "/t");
    sim_expect(&s, other, 3, PK_Z_NO_AUTH, NULL);
    assert_int_equal(st()->promote_failures, 1);
    assert_int_equal(st()->znodes, 1);
    sim_beats(&s, c, M "/t", 3);
    wire_read(&b, 4, PK_OP_GET_DATA, M "/t", false);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    assert_int_equal(st()->watched_paths, 0);
}

/* The path in the answer to a create. */
static void expect_made(const struct sim_frame *f, const char *path)
{
    assert_true(sup_is((struct pk_bytes){f->body + 4, sup_be32(f->body)}, path));
}

static void sequence_counts_local_creates(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "");
    for (int i = 0; i < 2; i++) {
        sim_local_create(&s, c, M "/t/w", "");
        wire_delete(&b, 9, M "/t/w", -1);
        sim_call(&s, c, &b, PK_Z_OK, NULL);
    }
    sim_local_create(&s, c, M "/t/v", "");
    wire_create_as(&b, 3, PK_OP_CREATE, PK_CREATE_SEQUENTIAL, M "/t/s-", "");
    sim_call(&s, other, &b, PK_Z_OK, &f);
    expect_made(&f, M "/t/s-0000000003");
    wire_create_as(&b, 4, PK_OP_CREATE, PK_CREATE_EPHEMERAL_SEQUENTIAL, M "/s-", "");
    sim_call(&s, other, &b, PK_Z_OK, &f);
    expect_made(&f, M "/s-0000000001");
}

/* Without a service session the batches go on the uplink of whoever asks. Once a request was relayed after the fourth,
 * however much was still missing. */
static void all_of_many_are_promoted_on_the_askers_uplink(void **state)
{
    (void)state;
    enum { N = 3000 };
    char path[64];
    s.service_fail = 1000;
    for (int i = 0; i < N; i++) {
        snprintf(path, sizeof path, M "/w%d", i);
        wire_create(&b, i, path, "");
        sim_call(&s, c, &b, PK_Z_OK, NULL);
    }
    wire_add_watch(&b, 3, M, PK_WATCH_PERSISTENT_RECURSIVE);
    sim_go(&s, other, &b);
    sim_advance(&s, 3000000);
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
    assert_int_equal(st()->promoted_znodes, N);
    assert_int_equal(st()->znodes, 0);
    assert_int_equal(st()->requests_promoted, 1);
    s.service_fail = 0;
}

/* 64 levels below the mount are held; what lies deeper is the ensemble's, and makes its parents so. */
static void depth_is_bounded(void **state)
{
    (void)state;
    char path[256] = M;
    for (int level = 1; level <= 64; level++) {
        strcat(path, "/d");
        sim_local_create(&s, c, path, "");
    }
    strcat(path, "/d");
    wire_create(&b, 7, path, "deep");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_non_null(upstream(path));
    assert_int_equal(st()->local_creates, 64);
    assert_int_equal(st()->promoted_znodes, 64);
    assert_int_equal(st()->znodes, 0);
}

/* The child that stands for local deletes in a promotion (replay.h), as it would be called if a client could know. */
static const char *dummy_below(const char *parent)
{
    static char path[256];
    int len = snprintf(path, sizeof path, "%s/pacekeeper-", parent);
    for (uint32_t i = 0; i < 16; i++)
        path[len++] = "0123456789abcdef"[pk_hash(sim_default_config.hash_seed, &i, sizeof i) >> 20 & 15];
    path[len] = '\0';
    return path;
}

/* Once a child of that name made the heartbeats of others empty, or older. */
static void a_child_named_like_a_dummy_spoils_no_beat(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "");
    sim_local_create(&s, c, M "/t/w", "x");
    sim_beats(&s, c, M "/t/w", 7);
    sim_local_create(&s, c, M "/t/v", "");
    wire_delete(&b, 9, M "/t/v", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    sim_local_create(&s, other, dummy_below(M "/t"), "mine");
    wire_add_watch(&b, 3, M "/t", PK_WATCH_PERSISTENT_RECURSIVE);
    sim_go(&s, other, &b);
    assert_true(sim_frame(&s, other, &f));
    for (int i = 0; i < 2; i++) {
        wire_read(&b, 4, PK_OP_GET_DATA, M "/t/w", false);
        sim_call(&s, i == 0 ? c : other, &b, PK_Z_OK, &f);
        sim_expect_data(&f, "beat 6");
        assert_int_equal(sim_stat(&f).version, 7);
        wire_read(&b, 5, PK_OP_GET_DATA, dummy_below(M "/t"), false);
        sim_call(&s, i == 0 ? c : other, &b, PK_Z_OK, &f);
        sim_expect_data(&f, "mine");
    }
    if (upstream(M "/t/w") != NULL)
        expect_upstream(M "/t/w", "beat 6", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(counters_are_replayed),
        CASE(many_writes_are_cut),
        CASE(writes_wait_for_their_batch),
        CASE(what_awaits_its_turn_is_not_busy),
        CASE(a_batch_is_what_is_answered_soon),
        CASE(a_request_catches_up_once),
        CASE(who_asks_keeps_nobody_waiting),
        CASE(all_of_many_are_promoted_on_the_askers_uplink),
        CASE(promotion_cut_off),
        CASE(asked_and_answered_out_of_turn),
        CASE(foreign_create),
        CASE(made_directly_after_a_cut),
        CASE(parent_is_made_again),
        CASE(promotion_is_refused),
        CASE(a_child_named_like_a_dummy_spoils_no_beat),
        CASE(sequence_counts_local_creates),
        CASE(depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
