/*
 * The reply queue: every interleaving of local reads, local writes, relayed reads, relayed writes, unusual
 * requests and auth up to a length, answered upstream one at a time, against the model ensemble asked
 * directly in request order.
 */
#include "tests/sim/reference.h"
#include "tests/sim/uplink.h"
#include "tests/sim/wire.h"

#include <stdio.h>

#define M "/storm/workerbeats"

enum { KINDS = 7, LONGEST = 6, EARLY = 6 };
static const char letters[] = "LWrRUAE";
static const int ops[KINDS] = {4, 5, 4, 5, 14, 100, 1};

static struct sim s;
static struct ref ref;

/* The i-th request of a sequence: L W on a local znode, r R outside the mount, U a multi on the local one, A
 * auth. */
static void put(struct sup_buf *b, int kind, int i)
{
    char data[16];
    int xid = 10 + i;
    snprintf(data, sizeof data, "%d", i);
    switch (kind) {
    case 0:
        wire_read(b, xid, 4, M "/t/w", false);
        break;
    case 1:
        wire_set(b, xid, M "/t/w", data, -1);
        break;
    case 2:
        wire_read(b, xid, 4, "/storm/x", false);
        break;
    case 3:
        wire_set(b, xid, "/storm/x", data, -1);
        break;
    case 4: {
        size_t mark = wire_begin(b, xid, 14);
        sup_int(b, 5);
        sup_byte(b, 0);
        sup_int(b, -1);
        sup_str(b, M "/t/w");
        sup_str(b, "multi");
        sup_int(b, -1);
        sup_int(b, -1);
        sup_byte(b, 1);
        sup_int(b, -1);
        wire_end(b, mark);
        break;
    }
    case EARLY:
        wire_create(b, xid, 1, "/storm/early", "", 0);
        break;
    default:
        wire_auth(b, i % 2 ? -4 : xid);
        break;
    }
}

static void prepare(int *c, int *watcher)
{
    struct sup_buf b = {0};
    sim_init(&s, NULL);
    ref_init(&ref);
    *c = sim_connect(&s, 10000);
    *watcher = sim_connect(&s, 10000);
    ref_connect(&ref, 10000);
    wire_create(&b, 1, 1, M "/t", "", 0);
    wire_create(&b, 2, 1, M "/t/w", "start", 0);
    wire_create(&b, 3, 1, "/storm/x", "start", 0);
    ref_send(&ref, 0, &b);
    sim_send(&s, *c, &b);
    sim_pump(&s);
    struct sim_frame f, g;
    for (int xid = 1; xid <= 3; xid++) {
        sim_expect(&s, *c, xid, 0, &f);
        assert_true(ref_frame(&ref, 0, &g));
    }
    sup_buf_free(&b);
}

/* How many local writes come before the request that the ensemble would look at next, when that is a relayed
 * write. */
static int writes_before_next(const struct sim_conn *conn, const int *kinds, int n)
{
    const uint8_t *p = conn->wire.p + conn->wire_off;
    if (conn->wire.len - conn->wire_off < 12 || p[11] != 5 || p[7] < 10 || p[4] != 0)
        return -1;
    int at = p[7] - 10, before = 0;
    if (at >= n || kinds[at] != 3)
        return -1;
    for (int i = 0; i < at; i++)
        before += kinds[i] == 1 || kinds[i] == 4;
    return before;
}

static int version_now(int watcher)
{
    struct sup_buf b = {0};
    struct sim_frame f;
    wire_read(&b, 1, 3, M "/t/w", false);
    sim_call(&s, watcher, &b, 0, &f);
    sup_buf_free(&b);
    return f.body[35];
}

static void name(const int *kinds, int n, int mode, char *out)
{
    for (int i = 0; i < n; i++)
        out[i] = letters[kinds[i]];
    sprintf(out + n, " mode %d", mode);
}

static void compare(int c, const int *kinds, int n, const char *text)
{
    struct sim_frame want, got;
    int64_t highest = 0;
    for (int i = 0; i < n; i++) {
        assert_true(ref_frame(&ref, 0, &want));
        if (!sim_frame(&s, c, &got))
            fail_msg("%s: no reply to request %d (closed %d, why %d)", text, i, s.conns[c].closed,
                     (int)s.conns[c].why);
        if (kinds[i] == EARLY)
            want = (struct sim_frame){.xid = 10 + i, .err = -119};
        ref_compare(ops[kinds[i]], &want, &got, text);
        if (kinds[i] < 2 && got.zxid < highest)
            fail_msg("%s: header zxid goes back at %d", text, i);
        assert_true(got.zxid <= s.zk.tree.zxid);
        highest = got.zxid > highest ? got.zxid : highest;
    }
    if (sim_frame(&s, c, &got))
        fail_msg("%s: one reply too many", text);
}

/* mode 0: the ensemble answers at once. 1: one at a time, after all was sent. 2: requests also arrive one by
 * one. */
static void run(const int *kinds, int n, int mode)
{
    struct sup_buf b = {0}, all = {0};
    char text[64];
    int c, watcher;
    name(kinds, n, mode, text);
    prepare(&c, &watcher);
    s.conns[c].hold = mode > 0;
    for (int i = 0; i < n; i++) {
        sup_buf_reset(&b);
        put(&b, kinds[i], i);
        sup_raw(&all, b.p, b.len);
        if (mode == 2) {
            sim_send(&s, c, &b);
            sim_pump(&s);
        }
    }
    ref_send(&ref, 0, &all);
    if (mode < 2)
        sim_send(&s, c, &all);
    sim_pump(&s);
    for (int guard = 0; mode > 0 && guard < 200 && s.conns[c].wire.len > s.conns[c].wire_off; guard++) {
        int before = writes_before_next(&s.conns[c], kinds, n);
        if (before >= 0 && version_now(watcher) < before)
            fail_msg("%s: a relayed write passed a local one", text);
        sim_release(&s, c, 1);
    }
    compare(c, kinds, n, text);
    sup_buf_free(&b);
    sup_buf_free(&all);
    sim_free(&s);
    ref_free(&ref);
}

static void all_of(int kinds_used, int longest, int mode)
{
    int kinds[LONGEST];
    for (int n = 1; n <= longest; n++) {
        int total = 1;
        for (int i = 0; i < n; i++)
            total *= kinds_used;
        for (int code = 0; code < total; code++) {
            for (int i = 0, rest = code; i < n; i++, rest /= kinds_used)
                kinds[i] = rest % kinds_used;
            run(kinds, n, mode);
        }
    }
}

static void delayed(void **state)
{
    (void)state;
    all_of(5, 5, 1);
}

/* Four kinds to the full length: local read, local write, relayed, unusual. */
static void delayed_six(void **state)
{
    (void)state;
    static const int used[4] = {0, 1, 3, 4};
    int kinds[LONGEST];
    for (int code = 0; code < 4096; code++) {
        for (int i = 0; i < 6; i++)
            kinds[i] = used[code >> (2 * i) & 3];
        run(kinds, 6, 1);
    }
}

static void with_overtaking(void **state)
{
    (void)state;
    all_of(KINDS, 4, 1);
}

static void at_once(void **state)
{
    (void)state;
    all_of(KINDS, 4, 0);
}

static void one_by_one(void **state)
{
    (void)state;
    all_of(KINDS, 4, 2);
}

/* An error without a body may come early too: it waits for its turn. */
static void early_errors(void **state)
{
    (void)state;
    struct sup_buf b = {0};
    int c, watcher;
    prepare(&c, &watcher);
    s.conns[c].hold = true;
    wire_read(&b, 10, 3, "/storm", false);
    wire_read(&b, 11, 4, M "/t/w", false);
    wire_create(&b, 12, 1, "/storm/y", "", 0);
    sim_send(&s, c, &b);
    sim_pump(&s);
    sup_buf_reset(&b);
    sup_int(&b, 16);
    sup_int(&b, 12);
    sup_long(&b, 0);
    sup_int(&b, -119);
    sup_raw(&s.conns[c].uplink.todo, b.p, b.len);
    sim_pump(&s);
    struct sim_frame f;
    assert_false(sim_frame(&s, c, &f));
    sim_release(&s, c, 1);
    sim_expect(&s, c, 10, 0, NULL);
    sim_expect(&s, c, 11, 0, NULL);
    sim_expect(&s, c, 12, -119, NULL);
    sup_buf_free(&b);
    sim_free(&s);
    ref_free(&ref);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(at_once),     cmocka_unit_test(delayed),
                                       cmocka_unit_test(delayed_six), cmocka_unit_test(with_overtaking),
                                       cmocka_unit_test(one_by_one),  cmocka_unit_test(early_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
