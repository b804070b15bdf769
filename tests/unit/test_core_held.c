/*
 * Random requests of every kind by several sessions through the core, and the same asked of the model ensemble
 * directly: equal answers and events, and at the end, when everything has been promoted, equal trees.
 */
#include "tests/sim/reference.h"
#include "tests/sim/uplink.h"
#include "tests/sim/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define M "/storm/workerbeats"

enum { CLIENTS = 3 };

static struct sim s;
static struct ref ref;
static struct sup_rng rng;
static int clients[CLIENTS];
static char story[200];
static struct core_stats sums; /* of all runs of a test */

static const char *const paths[] = {
    M "/a", M "/a",  M "/a/x", M "/a/x", M "/a/x", M "/a/y",     M "/a/y",   M "/a/x/q",
    M "/b", M "/b",  M "/b/x", M "/b/y", M,        M "/a/x/q/z", "/storm/o", "/storm",
    M "/",  M "/a/", M "//a",  "/",      "",       "storm",      M "/c/d/e",
};
static const char *const plain[] = {M "/a", M "/a/x", M "/a/y", M "/a/x/q", M "/b", M "/b/x"};

static const char *a_path(bool common)
{
    if (common || sup_below(&rng, 4) > 0)
        return plain[sup_below(&rng, sizeof plain / sizeof plain[0])];
    return paths[sup_below(&rng, sizeof paths / sizeof paths[0])];
}

static const char *some_data(void)
{
    static char data[3000];
    static const size_t lengths[] = {0, 1, 10, 100, 2047, 2048, 2900};
    size_t n = lengths[sup_below(&rng, 7)];
    memset(data, 'a' + (int)sup_below(&rng, 26), n);
    data[n] = 0;
    return sup_below(&rng, 12) == 0 ? NULL : data;
}

static int some_version(void)
{
    return sup_below(&rng, 3) > 0 ? -1 : (int)sup_below(&rng, 4);
}

static void acl(struct sup_buf *b)
{
    int kind = (int)sup_below(&rng, 6);
    sup_int(b, kind == 0 ? 0 : kind == 1 ? 2 : 1);
    if (kind == 0)
        return;
    int perms = kind == 2 ? PK_PERM_READ : kind == 3 ? PK_PERM_ALL & ~PK_PERM_CREATE : PK_PERM_ALL;
    wire_acl_entry(b, perms, "world", "anyone");
    if (kind == 1)
        wire_acl_entry(b, PK_PERM_ALL, "digest", "u:hash");
}

static void create_body(struct sup_buf *b, const char *path, int flags, bool open)
{
    sup_str(b, path);
    sup_str(b, some_data());
    if (open)
        wire_open_acl(b);
    else
        acl(b);
    sup_int(b, flags);
}

/* What most heartbeats are. */
static int usual(struct sup_buf *b, int xid)
{
    const char *path = a_path(true);
    switch (sup_below(&rng, 8)) {
    case 0:
    case 1: {
        int op = sup_below(&rng, 3) == 0 ? PK_OP_CREATE2 : PK_OP_CREATE;
        wire_create_as(b, xid, op, PK_CREATE_PERSISTENT, path, some_data());
        return op;
    }
    case 2:
    case 3:
        wire_set(b, xid, path, some_data(), some_version());
        return PK_OP_SET_DATA;
    case 4:
        wire_delete(b, xid, path, some_version());
        return PK_OP_DELETE;
    case 5:
        wire_read(b, xid, PK_OP_EXISTS, path, false);
        return PK_OP_EXISTS;
    case 6: {
        int op = sup_below(&rng, 2) ? PK_OP_GET_CHILDREN : PK_OP_GET_CHILDREN2;
        wire_read(b, xid, op, sup_below(&rng, 3) ? path : M, false);
        return op;
    }
    default:
        wire_read(b, xid, PK_OP_GET_DATA, path, false);
        return PK_OP_GET_DATA;
    }
}

static void sub_op(struct sup_buf *b, bool reads)
{
    static const int writes[] = {PK_OP_CREATE,   PK_OP_CREATE, PK_OP_DELETE,  PK_OP_SET_DATA,
                                 PK_OP_SET_DATA, PK_OP_CHECK,  PK_OP_CREATE2, PK_OP_CREATE_CONTAINER};
    int op = reads ? (sup_below(&rng, 2) ? PK_OP_GET_DATA : PK_OP_GET_CHILDREN) : writes[sup_below(&rng, 8)];
    const char *path = a_path(false);
    wire_multi_op(b, op);
    if (op == PK_OP_CREATE || op == PK_OP_CREATE2 || op == PK_OP_CREATE_CONTAINER) {
        create_body(b, path, op == PK_OP_CREATE_CONTAINER ? PK_CREATE_CONTAINER : (int)sup_below(&rng, 4),
                    true);
        return;
    }
    sup_str(b, path);
    if (op == PK_OP_SET_DATA)
        sup_str(b, some_data());
    if (reads)
        sup_byte(b, 0);
    else
        sup_int(b, some_version());
}

static int multi(struct sup_buf *b, int xid)
{
    bool reads = sup_below(&rng, 3) == 0;
    int op = reads ? PK_OP_MULTI_READ : PK_OP_MULTI;
    size_t mark = wire_multi(b, xid, op);
    for (uint32_t n = sup_below(&rng, 5); n > 0; n--)
        sub_op(b, sup_below(&rng, 30) == 0 ? !reads : reads);
    wire_multi_end(b, mark);
    return op;
}

static int set_watches(struct sup_buf *b, int xid)
{
    int op = sup_below(&rng, 2) ? PK_OP_SET_WATCHES : PK_OP_SET_WATCHES2;
    size_t mark = wire_begin(b, xid, op);
    sup_long(b, 1 << 30);
    for (int list = 0; list < (op == PK_OP_SET_WATCHES ? 3 : 5); list++) {
        uint32_t n = sup_below(&rng, 3);
        sup_int(b, n);
        for (; n > 0; n--)
            sup_str(b, a_path(true));
    }
    wire_end(b, mark);
    return op;
}

static int add_watch(struct sup_buf *b, int xid)
{
    int mode = (int)sup_below(&rng, 3);
    wire_add_watch(b, xid, a_path(false), mode);
    return PK_OP_ADD_WATCH;
}

static int unusual(struct sup_buf *b, int xid)
{
    size_t mark;
    static const int watched[] = {PK_OP_EXISTS, PK_OP_GET_DATA, PK_OP_GET_CHILDREN, PK_OP_GET_CHILDREN2};
    static const int pathed[] = {PK_OP_GET_ACL, PK_OP_SYNC, PK_OP_GET_ALL_CHILDREN_NUMBER};
    int op;
    switch (sup_below(&rng, 12)) {
    case 0:
    case 1:
        op = watched[sup_below(&rng, 4)];
        wire_read(b, xid, op, a_path(false), true);
        return op;
    case 2:
    case 3: {
        static const int creates[] = {PK_OP_CREATE, PK_OP_CREATE2, PK_OP_CREATE_CONTAINER};
        op = creates[sup_below(&rng, 3)];
        mark = wire_begin(b, xid, op);
        create_body(b, a_path(false),
                    op == PK_OP_CREATE_CONTAINER ? PK_CREATE_CONTAINER : (int)sup_below(&rng, 5),
                    sup_below(&rng, 2) == 0);
        wire_end(b, mark);
        return op;
    }
    case 4:
        return multi(b, xid);
    case 5:
        mark = wire_begin(b, xid, PK_OP_SET_ACL);
        sup_str(b, a_path(false));
        acl(b);
        sup_int(b, some_version());
        wire_end(b, mark);
        return PK_OP_SET_ACL;
    case 6:
        return sup_below(&rng, 4) == 0 ? set_watches(b, xid) : multi(b, xid);
    case 7:
        return sup_below(&rng, 6) == 0 ? add_watch(b, xid) : multi(b, xid);
    case 8:
    case 9:
        op = pathed[sup_below(&rng, 3)];
        wire_path(b, xid, op, a_path(false));
        return op;
    case 10:
        wire_delete(b, xid, a_path(false), some_version());
        return PK_OP_DELETE;
    default:
        op = watched[sup_below(&rng, 4)];
        wire_read(b, xid, op, a_path(false), false);
        return op;
    }
}

static void compare_events(int k, const char *text)
{
    struct sim_frame want, got;
    while (ref_frame(&ref, k, &want)) {
        if (!sim_frame(&s, clients[k], &got))
            fail_msg("%s: an event is missing for client %d", text, k);
        ref_compare(PK_OP_NOTIFICATION, &want, &got, text);
    }
    if (sim_frame(&s, clients[k], &got))
        fail_msg("%s: an event or answer too many for client %d: xid %d", text, k, got.xid);
}

static void step(int n, bool beats)
{
    struct sup_buf b = {0};
    struct sim_frame want, got;
    int k = (int)sup_below(&rng, CLIENTS);
    int op = beats || sup_below(&rng, 5) > 0 ? usual(&b, n) : unusual(&b, n);
    char text[300];
    snprintf(text, sizeof text, "%s, step %d, client %d, type %d", story, n, k, op);
    sim_send(&s, clients[k], &b);
    sim_pump(&s);
    ref_send(&ref, k, &b);
    for (;;) {
        if (!ref_frame(&ref, k, &want))
            fail_msg("%s: the reference does not answer", text);
        if (!sim_frame(&s, clients[k], &got))
            fail_msg("%s: no answer (closed %d, why %d)", text, s.conns[clients[k]].closed,
                     (int)s.conns[clients[k]].why);
        ref_compare(want.xid == PK_XID_NOTIFICATION ? PK_OP_NOTIFICATION : op, &want, &got, text);
        if (want.xid == n)
            break;
    }
    for (int i = 0; i < CLIENTS; i++)
        compare_events(i, text);
    sup_buf_free(&b);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct tree_node *)a)->path, ((const struct tree_node *)b)->path);
}

static void compare_trees(void)
{
    struct tree *a = &ref.zk.tree, *b = &s.zk.tree;
    qsort(a->nodes, (size_t)a->n, sizeof a->nodes[0], by_path);
    qsort(b->nodes, (size_t)b->n, sizeof b->nodes[0], by_path);
    for (int i = 0; i < a->n && i < b->n; i++) {
        const struct tree_node *x = &a->nodes[i], *y = &b->nodes[i];
        if (strcmp(x->path, y->path) != 0)
            fail_msg("%s: %s wanted, %s in the ensemble", story, x->path, y->path);
        if (x->len != y->len || (x->len > 0 && memcmp(x->data, y->data, (size_t)x->len) != 0))
            fail_msg("%s: %s: other data", story, x->path);
        if (x->version != y->version || x->aversion != y->aversion || x->creates != y->creates ||
            x->owner != y->owner)
            fail_msg("%s: %s: version %d %d, aversion %d %d, creates %d %d", story, x->path, x->version,
                     y->version, x->aversion, y->aversion, x->creates, y->creates);
    }
    if (a->n != b->n)
        fail_msg("%s: %d znodes wanted, %d in the ensemble", story, a->n, b->n);
}

/* A recursive watch on the mount has everything promoted. */
static void promote_all(int n)
{
    struct sup_buf b = {0};
    wire_add_watch(&b, n, M, PK_WATCH_PERSISTENT_RECURSIVE);
    sim_call(&s, clients[0], &b, PK_Z_OK, NULL);
    sup_buf_free(&b);
    assert_int_equal(core_stats(s.core)->znodes, 0);
}

struct profile {
    const char *name;
    int steps, usual_first;
    uint32_t chunk;
    enum sim_taking taking;
};

static void run(uint64_t seed, const struct profile *p)
{
    snprintf(story, sizeof story, "%s, seed %llu", p->name, (unsigned long long)seed);
    rng.s = seed * 77777;
    sim_init(&s, NULL);
    ref_init(&ref);
    s.chunk = p->chunk;
    s.rng.s = seed;
    for (int k = 0; k < CLIENTS; k++) {
        clients[k] = sim_connect(&s, 20000);
        s.conns[clients[k]].client.taking = s.conns[clients[k]].uplink.taking = p->taking;
        ref_connect(&ref, 20000);
    }
    for (int n = 1; n <= p->steps; n++) {
        step(n, n <= p->usual_first);
        if (sup_below(&rng, 10) == 0) {
            s.now_us += sup_below(&rng, 1000);
            s.zk.tree.now_ms = ref.zk.tree.now_ms = sim_wall_ms(&s);
        }
    }
    promote_all(p->steps + 1);
    compare_trees();
    const struct core_stats *st = core_stats(s.core);
    sums.local_creates += st->local_creates;
    sums.local_deletes += st->local_deletes;
    sums.beats_absorbed += st->beats_absorbed;
    sums.promoted_znodes += st->promoted_znodes;
    sums.merges += st->merges;
    sums.events += st->events;
    sums.promote_failures += st->promote_failures;
    sim_free(&s);
    ref_free(&ref);
}

/* The comparison is worth nothing when hardly anything was absorbed before the rare requests came. */
static void require(int64_t local_creates, int64_t absorbed, int64_t promoted, int64_t merges)
{
    print_message("local creates %lld local deletes %lld absorbed %lld promoted %lld merges %lld events %lld "
                  "refused %lld\n",
                  (long long)sums.local_creates, (long long)sums.local_deletes,
                  (long long)sums.beats_absorbed, (long long)sums.promoted_znodes, (long long)sums.merges,
                  (long long)sums.events, (long long)sums.promote_failures);
    assert_true(sums.local_creates >= local_creates && sums.beats_absorbed >= absorbed &&
                sums.promoted_znodes >= promoted && sums.merges >= merges);
    sums = (struct core_stats){0};
}

static uint64_t rounds(uint64_t usually)
{
    const char *more = getenv("PK_ROUNDS");
    return more != NULL ? strtoull(more, NULL, 10) : usually;
}

static void mixed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= rounds(150); seed++)
        run(seed, &(struct profile){"mixed", 60, 0, 0, SIM_WHOLE});
    require(100, 100, 50, 50);
}

static void beats_first(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= rounds(150); seed++)
        run(seed, &(struct profile){"beats first", 60, 40, 0, SIM_WHOLE});
    require(500, 1000, 300, 200);
}

static void only_beats(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= rounds(40); seed++)
        run(seed, &(struct profile){"only beats", 400, 400, 0, SIM_WHOLE});
    require(700, 3000, 100, 500);
}

static void in_pieces(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= rounds(60); seed++)
        run(seed, &(struct profile){"in pieces", 60, 20, 1 + seed % 40, SIM_PARTS});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_beats), cmocka_unit_test(beats_first),
                                       cmocka_unit_test(mixed), cmocka_unit_test(in_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
