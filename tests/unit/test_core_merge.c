/* Watched paths, listings that hold local names, and answers of servers that lag. */
#include "tests/sim/core_fixture.h"

static void watched_is_not_absorbed(void **state)
{
    (void)state;
    sim_watch(&s, other, 3, M "/t");
    sim_expect(&s, other, 3, PK_Z_NO_NODE, NULL);
    assert_int_equal(st()->watched_paths, 1);
    wire_create(&b, 1, M "/t", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/t"));
    sim_expect_event(&s, other, PK_EVENT_CREATED, M "/t");
    assert_int_equal(st()->watched_paths, 0);
    wire_read(&b, 4, PK_OP_GET_CHILDREN, M, true);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    wire_create(&b, 2, M "/u", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/u"));
    sim_expect_event(&s, other, PK_EVENT_CHILDREN_CHANGED, M);
    sim_local_create(&s, c, M "/v", "");
    sim_leave(&s, other);
    sim_pump(&s);
    assert_int_equal(st()->watched_paths, 0);
}

/* A watch counts from the moment at which it is sent. */
static void watch_in_flight(void **state)
{
    (void)state;
    s.conns[other].hold = true;
    sim_watch(&s, other, 3, M "/t");
    wire_create(&b, 1, M "/t", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/t"));
    assert_int_equal(st()->local_creates, 0);
}

static void recursive_watch(void **state)
{
    (void)state;
    struct core_log_event event;
    sim_local_create(&s, c, M "/t", "");
    wire_add_watch(&b, 5, "/storm", PK_WATCH_PERSISTENT_RECURSIVE);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/t"));
    assert_int_equal(st()->recursive_watches, 1);
    wire_create(&b, 1, M "/u", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    sim_expect_event(&s, other, PK_EVENT_CREATED, M "/u");
    assert_non_null(upstream(M "/u"));
    bool logged = false;
    while (core_take_log_event(s.core, &event))
        logged |= event.kind == PK_LOG_EVENT_RECURSIVE_WATCH;
    assert_true(logged);
    sim_leave(&s, other);
    sim_pump(&s);
    assert_int_equal(st()->recursive_watches, 0);
    sim_local_create(&s, c, M "/v", "");
}

static void names_are_merged(void **state)
{
    (void)state;
    struct sim_frame f;
    wire_create_as(&b, 1, PK_OP_CREATE, PK_CREATE_EPHEMERAL, M "/up", "");
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    sim_local_create(&s, c, M "/t", "");
    wire_read(&b, 2, PK_OP_GET_CHILDREN2, M, false);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    assert_string_equal(sim_names(&f), "up t");
    assert_int_equal(sim_stat(&f).num_children, 2);
    assert_int_equal(sim_stat(&f).cversion, 2);
    assert_int_equal(st()->merges, 1);
    wire_path(&b, 3, PK_OP_GET_ALL_CHILDREN_NUMBER, M);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    assert_int_equal(sup_be32(f.body), 2);
}

/* A listing that was under way when a znode was promoted: the answer's zxid says whether its server had it. */
static void listing_crosses_a_promotion(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "");
    s.conns[other].deaf = true;
    wire_read(&b, 2, PK_OP_GET_CHILDREN, M, false);
    sim_go(&s, other, &b);
    sim_watch(&s, c, 3, M "/t");
    sim_expect(&s, c, 3, PK_Z_OK, NULL);
    s.conns[other].deaf = false;
    sim_pump(&s);
    sim_expect(&s, other, 2, PK_Z_OK, &f);
    assert_string_equal(sim_names(&f), "t");
    s.conns[other].hold = true;
    sim_local_create(&s, c, M "/u", "");
    wire_read(&b, 4, PK_OP_GET_CHILDREN, M, false);
    sim_go(&s, other, &b);
    sim_watch(&s, c, 5, M "/u");
    sim_expect(&s, c, 5, PK_Z_OK, NULL);
    s.conns[other].hold = false;
    sim_pump(&s);
    sim_expect(&s, other, 4, PK_Z_OK, &f);
    assert_string_equal(sim_names(&f), "t u");
}

/* Swallows the next request of a held connection and answers it as a server that is behind. */
static void lagging_answer(int who, int64_t zxid, int err)
{
    struct sim_conn *conn = &s.conns[who];
    const uint8_t *p = conn->wire.p + conn->wire_off;
    conn->wire_off += PK_LEN_WORD + sup_be32(p);
    sim_answer(&s, who, (int)sup_be32(p + PK_LEN_WORD), zxid, err);
    sim_pump(&s);
}

static void nonode_is_asked_again(void **state)
{
    (void)state;
    char path[256];
    struct sim_frame f;
    int64_t old = s.zk.tree.zxid;
    sim_local_create(&s, c, M "/t", "data");
    sim_watch(&s, c, 3, M "/t");
    sim_expect(&s, c, 3, PK_Z_OK, NULL);
    s.conns[other].hold = true;
    wire_read(&b, 7, PK_OP_GET_DATA, M "/t", false);
    sim_go(&s, other, &b);
    if (sim_peek(&s, other, path) == PK_OP_SYNC)
        sim_release(&s, other, 1);
    assert_int_equal(sim_peek(&s, other, path), PK_OP_GET_DATA);
    lagging_answer(other, old, PK_Z_NO_NODE);
    assert_false(sim_frame(&s, other, &f));
    assert_int_equal(sim_peek(&s, other, path), PK_OP_SYNC);
    s.conns[other].hold = false;
    sim_pump(&s);
    sim_expect(&s, other, 7, PK_Z_OK, &f);
    sim_expect_data(&f, "data");
    assert_int_equal(st()->retries, 1);
}

/* An answer NONODE that crosses a local create is not given: memory knows better by then. */
static void nonode_crosses_a_local_create(void **state)
{
    (void)state;
    struct sim_frame f;
    s.conns[other].deaf = true;
    wire_read(&b, 7, PK_OP_GET_DATA, M "/t", false);
    sim_go(&s, other, &b);
    sim_local_create(&s, c, M "/t", "data");
    s.conns[other].deaf = false;
    sim_pump(&s);
    sim_expect(&s, other, 7, PK_Z_OK, &f);
    sim_expect_data(&f, "data");
}

/* A session at a server that serves reads only. */
static int connect_read_only(void)
{
    s.zk.read_only = true;
    int who = sim_connect(&s, 10000);
    s.zk.read_only = false;
    return who;
}

/* A server that serves reads only cannot be told of a local znode: it says NONODE to a read with a watch, where the
 * plain read, from memory, finds it. */
static void a_watch_in_a_read_only_session_finds_what_is_held(void **state)
{
    (void)state;
    static const int ops[] = {PK_OP_EXISTS, PK_OP_GET_DATA, PK_OP_GET_CHILDREN, PK_OP_GET_CHILDREN2};
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "data");
    int reader = connect_read_only();
    for (int watch = 0; watch < 2; watch++)
        for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
            wire_read(&b, 5, ops[i], M "/t", watch);
            sim_call(&s, reader, &b, PK_Z_OK, &f);
            if (ops[i] == PK_OP_GET_DATA)
                sim_expect_data(&f, "data");
        }
    assert_null(upstream(M "/t"));
    sim_beats(&s, c, M "/t", 1);
    wire_read(&b, 6, PK_OP_GET_DATA, M "/t", true);
    sim_call(&s, reader, &b, PK_Z_OK, &f);
    sim_expect_data(&f, "beat 0");
    wire_read(&b, 7, PK_OP_GET_DATA, M "/none", true);
    sim_call(&s, reader, &b, PK_Z_NO_NODE, NULL);
}

/* Reads both ways, one after the other. */
static const struct {
    int op;
    const char *path;
} parts[] = {
    {PK_OP_GET_DATA, M "/t"},      {PK_OP_GET_CHILDREN, M "/t"},
    {PK_OP_GET_CHILDREN, M},       {PK_OP_GET_DATA, M},
    {PK_OP_GET_DATA, M "/up"},     {PK_OP_GET_CHILDREN, M "/up"},
    {PK_OP_GET_DATA, M "/none"},   {PK_OP_GET_DATA, M "/cached"},
    {PK_OP_GET_DATA, M "/t/none"}, {PK_OP_GET_CHILDREN, "/storm"},
    {PK_OP_GET_DATA, M "/t/v"},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

static void multi_read_all(int xid)
{
    size_t mark = wire_multi(&b, xid, PK_OP_MULTI_READ);
    for (size_t i = 0; i < PARTS; i++)
        wire_multi_read(&b, parts[i].op, parts[i].path);
    wire_multi_end(&b, mark);
}

/* What the parts of a multiRead would be, were each a read of its own. */
static void one_by_one(int reader, struct sup_buf *whole)
{
    struct sim_frame f;
    for (size_t i = 0; i < PARTS; i++) {
        wire_read(&b, 20, parts[i].op, parts[i].path, false);
        sim_go(&s, reader, &b);
        assert_true(sim_frame(&s, reader, &f));
        sup_int(whole, f.err == PK_Z_OK ? parts[i].op : -1);
        sup_byte(whole, 0);
        sup_int(whole, f.err);
        if (f.err == PK_Z_OK)
            sup_raw(whole, f.body, f.len);
        else
            sup_int(whole, f.err);
    }
    sup_int(whole, -1);
    sup_byte(whole, 1);
    sup_int(whole, -1);
}

/* As each part of a multiRead, which once said NONODE of what is held, or showed what the ensemble had. */
static void a_multi_read_in_a_read_only_session(void **state)
{
    (void)state;
    struct sim_frame f;
    struct sup_buf whole = {0};
    assert_int_equal(sim_direct_create(&s, M "/up", "upstream"), PK_Z_OK);
    assert_int_equal(sim_direct_create(&s, M "/cached", "old"), PK_Z_OK);
    sim_local_create(&s, c, M "/t", "data");
    sim_local_create(&s, c, M "/t/v", "");
    sim_local_create(&s, c, M "/up/w", "");
    sim_beats(&s, c, M "/t", 3);
    for (int i = 0; i < 2; i++) {
        wire_set(&b, 4, M "/cached", i > 0 ? "absorbed" : "relayed", -1);
        sim_call(&s, c, &b, PK_Z_OK, NULL);
    }
    int reader = connect_read_only();
    one_by_one(reader, &whole);
    multi_read_all(9);
    sim_call(&s, reader, &b, PK_Z_OK, &f);
    assert_int_equal(f.len, whole.len);
    assert_memory_equal(f.body, whole.p, whole.len);
    assert_int_equal(upstream(M "/cached")->version, 1);
    assert_null(upstream(M "/t"));
    sup_buf_free(&whole);
}

static void (*emit)(void *ctx, int link, const uint8_t *p, size_t len);
static size_t cut_to;

/* The answer to that multiRead, of so many bytes behind its header. */
static void emit_cut(void *ctx, int link, const uint8_t *p, size_t len)
{
    static uint8_t cut[2000];
    const size_t head = PK_LEN_WORD + PK_REPLY_HEADER;
    assert_true(len <= sizeof cut);
    memcpy(cut, p, len);
    if (pk_load32(p + PK_LEN_WORD) == 9 && head + cut_to < len)
        len = head + cut_to;
    pk_put32(cut, (uint32_t)(len - PK_LEN_WORD));
    emit(ctx, link, cut, len);
}

/* An answer that does not decode is forwarded as it is. Once up to three bytes were read behind one that ends within
 * the error of a part. */
static void a_multi_read_is_answered_with_less(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "data");
    int reader = connect_read_only();
    multi_read_all(9);
    sim_call(&s, reader, &b, PK_Z_OK, &f);
    size_t whole = f.len;
    emit = s.zk.emit;
    s.zk.emit = emit_cut;
    for (cut_to = 0; cut_to < whole; cut_to++) {
        multi_read_all(9);
        sim_go(&s, reader, &b);
        if (sim_frame(&s, reader, &f))
            assert_true(f.xid == 9 && f.err == PK_Z_OK && f.len <= whole);
    }
    s.zk.emit = emit;
    assert_true(cut_to == whole);
}

/* While one of them is being promoted nobody can say whether the server that answered has it. */
static void a_multi_read_crosses_a_promotion(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "data");
    int reader = connect_read_only();
    sim_local_create(&s, c, M "/first", "");
    sim_watch(&s, other, 3, M "/first");
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
    assert_int_equal(sim_direct_delete(&s, M "/first"), PK_Z_OK);
    sim_pump(&s);
    sim_expect_event(&s, other, PK_EVENT_DELETED, M "/first");
    int service = sim_service(&s);
    assert_int_not_equal(service, -1);
    s.conns[service].hold = true;
    sim_watch(&s, other, 4, M "/t");
    size_t mark = wire_multi(&b, 9, PK_OP_MULTI_READ);
    wire_multi_read(&b, PK_OP_GET_CHILDREN, M);
    wire_multi_end(&b, mark);
    sim_go(&s, reader, &b);
    assert_false(sim_frame(&s, reader, &f));
    s.conns[service].hold = false;
    sim_pump(&s);
    sim_expect(&s, reader, 9, PK_Z_OK, &f);
    assert_int_equal(f.len, 9 + 4 + 4 + 1 + 9);
    sim_expect(&s, other, 4, PK_Z_OK, NULL);
}

/* It was asked before the znode was memory's, and answered when that has begun to be the ensemble's: what is counted
 * below it is of the one until it is known to be of the other. */
static void a_list_crosses_the_promotion_of_its_znode(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/first", "");
    sim_watch(&s, c, 3, M "/first");
    sim_expect(&s, c, 3, PK_Z_OK, NULL);
    s.conns[other].hold = true;
    wire_read(&b, 3, PK_OP_GET_CHILDREN2, M "/t", false);
    sim_go(&s, other, &b);
    sim_local_create(&s, c, M "/t", "");
    sim_local_create(&s, c, M "/t/v", "");
    sim_local_create(&s, c, M "/t/w", "");
    int service = sim_service(&s);
    assert_int_not_equal(service, -1);
    s.conns[service].deaf = true;
    sim_watch(&s, c, 4, M "/t");
    assert_non_null(upstream(M "/t"));
    s.conns[other].hold = false;
    sim_pump(&s);
    assert_false(sim_frame(&s, other, &f));
    s.conns[service].deaf = false;
    sim_pump(&s);
    sim_expect(&s, other, 3, PK_Z_OK, &f);
    assert_int_equal(sim_stat(&f).num_children, 2);
    assert_int_equal(sim_stat(&f).cversion, 2);
}

/* Somebody made a local parent of ours in the ensemble. What we count below theirs is not to be forgotten when theirs
 * is seen for the first time, as if it had been created anew. */
static void share_of_a_parent_that_was_lost(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "");
    sim_local_create(&s, c, M "/t/v", "");
    sim_local_create(&s, c, M "/t/w", "");
    assert_int_equal(sim_direct_create(&s, M "/t", "theirs"), PK_Z_OK);
    size_t mark = wire_multi(&b, 3, PK_OP_MULTI);
    wire_multi_check(&b, M "/t", -1);
    wire_multi_end(&b, mark);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    assert_int_equal(st()->foreign_creates, 1);
    wire_delete(&b, 4, M "/t/w", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    for (int i = 0; i < 2; i++) {
        wire_read(&b, 5, PK_OP_EXISTS, M "/t", false);
        sim_call(&s, c, &b, PK_Z_OK, &f);
        assert_int_equal(sim_stat(&f).num_children, 1);
        assert_int_equal(sim_stat(&f).cversion, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(watched_is_not_absorbed),
        CASE(watch_in_flight),
        CASE(recursive_watch),
        CASE(names_are_merged),
        CASE(listing_crosses_a_promotion),
        CASE(nonode_is_asked_again),
        CASE(nonode_crosses_a_local_create),
        CASE(a_watch_in_a_read_only_session_finds_what_is_held),
        CASE(a_multi_read_in_a_read_only_session),
        CASE(a_multi_read_is_answered_with_less),
        CASE(a_multi_read_crosses_a_promotion),
        CASE(a_list_crosses_the_promotion_of_its_znode),
        CASE(share_of_a_parent_that_was_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
