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
    sup_int(b, kind == 2 ? 1 : kind == 3 ? 27 : 31);
    sup_str(b, "world");
    sup_str(b, "anyone");
    if (kind == 1) {
        sup_int(b, 31);
        sup_str(b, "digest");
        sup_str(b, "u:hash");
    }
}

static void create_body(struct sup_buf *b, const char *path, int flags, bool open)
{
    sup_str(b, path);
    sup_str(b, some_data());
    if (open) {
        sup_int(b, 1);
        sup_int(b, 31);
        sup_str(b, "world");
        sup_str(b, "anyone");
    } else {
        acl(b);
    }
    sup_int(b, flags);
}

/* What most heartbeats are. */
static int usual(struct sup_buf *b, int xid)
{
    const char *path = a_path(true);
    switch (sup_below(&rng, 8)) {
    case 0:
    case 1: {
        int op = sup_below(&rng, 3) == 0 ? 15 : 1;
        wire_create(b, xid, op, path, some_data(), 0);
        return op;
    }
    case 2:
    case 3:
        wire_set(b, xid, path, some_data(), some_version());
        return 5;
    case 4:
        wire_delete(b, xid, path, some_version());
        return 2;
    case 5:
        wire_read(b, xid, 3, path, false);
        return 3;
    case 6: {
        int op = sup_below(&rng, 2) ? 8 : 12;
        wire_read(b, xid, op, sup_below(&rng, 3) ? path : M, false);
        return op;
    }
    default:
        wire_read(b, xid, 4, path, false);
        return 4;
    }
}

static void sub_op(struct sup_buf *b, bool reads)
{
    static const int writes[] = {1, 1, 2, 5, 5, 13, 15, 19};
    int op = reads ? (sup_below(&rng, 2) ? 4 : 8) : writes[sup_below(&rng, 8)];
    const char *path = a_path(false);
    sup_int(b, op);
    sup_byte(b, 0);
    sup_int(b, -1);
    if (op == 1 || op == 15 || op == 19) {
        create_body(b, path, op == 19 ? 4 : (int)sup_below(&rng, 4), true);
        return;
    }
    sup_str(b, path);
    if (op == 5)
        sup_str(b, some_data());
    if (reads)
        sup_byte(b, 0);
    else
        sup_int(b, some_version());
}

static int multi(struct sup_buf *b, int xid)
{
    bool reads = sup_below(&rng, 3) == 0;
    int op = reads ? 22 : 14;
    size_t mark = wire_begin(b, xid, op);
    for (uint32_t n = sup_below(&rng, 5); n > 0; n--)
        sub_op(b, sup_below(&rng, 30) == 0 ? !reads : reads);
    sup_int(b, -1);
    sup_byte(b, 1);
    sup_int(b, -1);
    wire_end(b, mark);
    return op;
}

static int set_watches(struct sup_buf *b, int xid)
{
    int op = sup_below(&rng, 2) ? 101 : 105;
    size_t mark = wire_begin(b, xid, op);
    sup_long(b, 1 << 30);
    for (int list = 0; list < (op == 101 ? 3 : 5); list++) {
        uint32_t n = sup_below(&rng, 3);
        sup_int(b, n);
        for (; n > 0; n--)
            sup_str(b, a_path(true));
    }
    wire_end(b, mark);
    return op;
}

static int path_and_int(struct sup_buf *b, int xid, int op, int n)
{
    size_t mark = wire_begin(b, xid, op);
    sup_str(b, a_path(false));
    sup_int(b, n);
    wire_end(b, mark);
    return op;
}

static int unusual(struct sup_buf *b, int xid)
{
    size_t mark;
    static const int watched[] = {3, 4, 8, 12};
    static const int pathed[] = {6, 9, 104};
    int op;
    switch (sup_below(&rng, 12)) {
    case 0:
    case 1:
        op = watched[sup_below(&rng, 4)];
        wire_read(b, xid, op, a_path(false), true);
        return op;
    case 2:
    case 3: {
        static const int creates[] = {1, 15, 19};
        op = creates[sup_below(&rng, 3)];
        mark = wire_begin(b, xid, op);
        create_body(b, a_path(false), op == 19 ? 4 : (int)sup_below(&rng, 5), sup_below(&rng, 2) == 0);
        wire_end(b, mark);
        return op;
    }
    case 4:
        return multi(b, xid);
    case 5:
        mark = wire_begin(b, xid, 7);
        sup_str(b, a_path(false));
        acl(b);
        sup_int(b, some_version());
        wire_end(b, mark);
        return 7;
    case 6:
        return sup_below(&rng, 4) == 0 ? set_watches(b, xid) : multi(b, xid);
    case 7:
        return sup_below(&rng, 6) == 0 ? path_and_int(b, xid, 106, (int)sup_below(&rng, 3)) : multi(b, xid);
    case 8:
    case 9:
        op = pathed[sup_below(&rng, 3)];
        wire_path(b, xid, op, a_path(false));
        return op;
    case 10:
        wire_delete(b, xid, a_path(false), some_version());
        return 2;
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
        ref_compare(-1, &want, &got, text);
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
        ref_compare(want.xid == -1 ? -1 : op, &want, &got, text);
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
static void promotion_all(int n)
{
    struct sup_buf b = {0};
    size_t mark = wire_begin(&b, n, 106);
    sup_str(&b, M);
    sup_int(&b, 1);
    wire_end(&b, mark);
    sim_call(&s, clients[0], &b, 0, NULL);
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
            s.zk.tree.now_ms = ref.zk.tree.now_ms = 1000000 + s.now_us / 1000;
        }
    }
    promotion_all(p->steps + 1);
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
