/*
 * The reply queue: every interleaving of local reads, local writes, relayed reads, relayed writes, unusual
 * requests and auth up to a length, answered upstream one at a time, against the model ensemble asked
 * directly in request order.
 */
#include "tests/sim/core_fixture.h"
#include "tests/sim/reference.h"

#include <stdio.h>

enum kind {
    LOCAL_READ,
    LOCAL_WRITE,
    RELAYED_READ,
    RELAYED_WRITE,
    UNUSUAL, /* a multi on the local znode */
    AUTH,    /* its answer may overtake */
    EARLY,   /* an error that a read-only server gives out of turn */
    KINDS
};
/* How the ensemble answers; ONE_BY_ONE: requests also arrive so, elsewhere all at once. */
enum mode { AT_ONCE, DELAYED, ONE_BY_ONE };

enum { LONGEST = 6, FIRST_XID = 10 };
static const char letters[] = "LWrRUAE";
static const int ops[KINDS] = {PK_OP_GET_DATA, PK_OP_SET_DATA, PK_OP_GET_DATA, PK_OP_SET_DATA,
                               PK_OP_MULTI,    PK_OP_AUTH,     PK_OP_CREATE};

static struct ref ref;

/* The i-th request of a sequence. */
static void put(struct sup_buf *to, int kind, int i)
{
    char data[16];
    int xid = FIRST_XID + i;
    snprintf(data, sizeof data, "%d", i);
    switch (kind) {
    case LOCAL_READ:
        wire_read(to, xid, PK_OP_GET_DATA, M "/t/w", false);
        break;
    case LOCAL_WRITE:
        wire_set(to, xid, M "/t/w", data, -1);
        break;
    case RELAYED_READ:
        wire_read(to, xid, PK_OP_GET_DATA, "/storm/x", false);
        break;
    case RELAYED_WRITE:
        wire_set(to, xid, "/storm/x", data, -1);
        break;
    case UNUSUAL: {
        size_t mark = wire_multi(to, xid, PK_OP_MULTI);
        wire_multi_set(to, M "/t/w", "multi", -1);
        wire_multi_end(to, mark);
        break;
    }
    case EARLY:
        wire_create(to, xid, "/storm/early", "");
        break;
    default:
        wire_auth(to, i % 2 ? PK_XID_AUTH : xid);
        break;
    }
}

static void set_up(void)
{
    core_start(NULL);
    ref_init(&ref);
    ref_connect(&ref, 10000);
    wire_create(&b, 1, M "/t", "");
    wire_create(&b, 2, M "/t/w", "start");
    wire_create(&b, 3, "/storm/x", "start");
    ref_send(&ref, 0, &b);
    sim_go(&s, c, &b);
    struct sim_frame f, g;
    for (int xid = 1; xid <= 3; xid++) {
        sim_expect(&s, c, xid, PK_Z_OK, &f);
        assert_true(ref_frame(&ref, 0, &g));
    }
}

static void tear_down(void)
{
    core_teardown(NULL);
    ref_free(&ref);
}

/* How many local writes come before the request that the ensemble would look at next, when that is a relayed
 * write. */
static int writes_before_next(const int *kinds, int n)
{
    char path[256];
    const struct sim_conn *conn = &s.conns[c];
    if (sim_peek(&s, c, path) != PK_OP_SET_DATA)
        return -1;
    int at = (int)sup_be32(conn->wire.p + conn->wire_off + PK_LEN_WORD) - FIRST_XID, before = 0;
    if (at < 0 || at >= n || kinds[at] != RELAYED_WRITE)
        return -1;
    for (int i = 0; i < at; i++)
        before += kinds[i] == LOCAL_WRITE || kinds[i] == UNUSUAL;
    return before;
}

static int version_now(void)
{
    struct sim_frame f;
    wire_read(&b, 1, PK_OP_EXISTS, M "/t/w", false);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    return sim_stat(&f).version;
}

static void name(const int *kinds, int n, enum mode mode, char *out)
{
    for (int i = 0; i < n; i++)
        out[i] = letters[kinds[i]];
    sprintf(out + n, " mode %d", (int)mode);
}

static void compare(const int *kinds, int n, const char *text)
{
    struct sim_frame want, got;
    int64_t highest = 0;
    for (int i = 0; i < n; i++) {
        assert_true(ref_frame(&ref, 0, &want));
        if (!sim_frame(&s, c, &got))
            fail_msg("%s: no reply to request %d (closed %d, why %d)", text, i, s.conns[c].closed,
                     (int)s.conns[c].why);
        if (kinds[i] == EARLY)
            want = (struct sim_frame){.xid = FIRST_XID + i, .err = PK_Z_NOT_READ_ONLY};
        ref_compare(ops[kinds[i]], &want, &got, text);
        if (kinds[i] <= LOCAL_WRITE && got.zxid < highest)
            fail_msg("%s: header zxid goes back at %d", text, i);
        assert_true(got.zxid <= s.zk.tree.zxid);
        highest = got.zxid > highest ? got.zxid : highest;
    }
    if (sim_frame(&s, c, &got))
        fail_msg("%s: one reply too many", text);
}

static void run(const int *kinds, int n, enum mode mode)
{
    struct sup_buf all = {0};
    char text[64];
    name(kinds, n, mode, text);
    set_up();
    s.conns[c].hold = mode != AT_ONCE;
    for (int i = 0; i < n; i++) {
        put(&b, kinds[i], i);
        sup_raw(&all, b.p, b.len);
        if (mode == ONE_BY_ONE)
            sim_go(&s, c, &b);
        sup_buf_reset(&b);
    }
    ref_send(&ref, 0, &all);
    if (mode != ONE_BY_ONE)
        sim_send(&s, c, &all);
    sim_pump(&s);
    for (int guard = 0; mode != AT_ONCE && guard < 200 && s.conns[c].wire.len > s.conns[c].wire_off;
         guard++) {
        int before = writes_before_next(kinds, n);
        if (before >= 0 && version_now() < before)
            fail_msg("%s: a relayed write passed a local one", text);
        sim_release(&s, c, 1);
    }
    compare(kinds, n, text);
    sup_buf_free(&all);
    tear_down();
}

static void all_of(int kinds_used, int longest, enum mode mode)
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
    all_of(AUTH, 5, DELAYED);
}

/* Four kinds to the full length: local read, local write, relayed, unusual. */
static void delayed_six(void **state)
{
    (void)state;
    static const int used[4] = {LOCAL_READ, LOCAL_WRITE, RELAYED_WRITE, UNUSUAL};
    int kinds[LONGEST];
    for (int code = 0; code < 4096; code++) {
        for (int i = 0; i < LONGEST; i++)
            kinds[i] = used[code >> (2 * i) & 3];
        run(kinds, LONGEST, DELAYED);
    }
}

static void with_overtaking(void **state)
{
    (void)state;
    all_of(KINDS, 4, DELAYED);
}

static void at_once(void **state)
{
    (void)state;
    all_of(KINDS, 4, AT_ONCE);
}

static void one_by_one(void **state)
{
    (void)state;
    all_of(KINDS, 4, ONE_BY_ONE);
}

/* An error without a body may come early too: it waits for its turn. */
static void early_errors(void **state)
{
    (void)state;
    set_up();
    s.conns[c].hold = true;
    wire_read(&b, 10, PK_OP_EXISTS, "/storm", false);
    wire_read(&b, 11, PK_OP_GET_DATA, M "/t/w", false);
    wire_create(&b, 12, "/storm/y", "");
    sim_go(&s, c, &b);
    sim_answer(&s, c, 12, 0, PK_Z_NOT_READ_ONLY);
    sim_pump(&s);
    struct sim_frame f;
    assert_false(sim_frame(&s, c, &f));
    sim_release(&s, c, 1);
    sim_expect(&s, c, 10, PK_Z_OK, NULL);
    sim_expect(&s, c, 11, PK_Z_OK, NULL);
    sim_expect(&s, c, 12, PK_Z_NOT_READ_ONLY, NULL);
    tear_down();
}

/* Any other error out of turn is nobody's answer. Once it was taken for that of whoever had asked with its xid. */
static void no_other_error_comes_early(void **state)
{
    (void)state;
    static const int32_t errors[] = {PK_Z_NO_NODE, PK_Z_NODE_EXISTS, PK_Z_BAD_VERSION, PK_Z_BAD_ARGUMENTS};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        set_up();
        s.conns[c].hold = true;
        wire_read(&b, 10, PK_OP_EXISTS, "/storm", false);
        wire_create(&b, 11, "/storm/y", "");
        sim_go(&s, c, &b);
        sim_answer(&s, c, 11, 0, errors[i]);
        sim_pump(&s);
        assert_true(s.conns[c].closed);
        assert_int_equal(s.conns[c].why, PK_CLOSE_UNEXPECTED_REPLY);
        tear_down();
    }
}

/* The xids that mean something in an answer are a request's like any other: a server gives them back. Once the answer
 * was taken for a ping's or for an event, and the connection ended. */
static void xids_with_a_meaning(void **state)
{
    (void)state;
    static const int32_t xids[] = {PK_XID_NOTIFICATION, PK_XID_PING, PK_XID_AUTH, PK_XID_SET_WATCHES};
    set_up();
    sim_local_create(&s, c, M "/t/local", "x");
    for (size_t i = 0; i < sizeof xids / sizeof xids[0]; i++) {
        struct sim_frame f;
        wire_read(&b, xids[i], PK_OP_EXISTS, "/storm", false);
        wire_ping(&b);
        wire_read(&b, xids[i], PK_OP_GET_DATA, "/nothing", false);
        wire_read(&b, xids[i], PK_OP_EXISTS, M "/t/local", false);
        wire_read(&b, xids[i], PK_OP_GET_CHILDREN2, M, true);
        sim_go(&s, c, &b);
        int pings = 0;
        for (int n = 0; n < 5; n++) {
            assert_true(sim_frame(&s, c, &f));
            pings += f.xid == PK_XID_PING && f.len == 0 && f.err == PK_Z_OK;
            assert_true(f.xid == xids[i] || f.xid == PK_XID_PING);
        }
        assert_int_equal(pings, 1);
        assert_false(sim_frame(&s, c, &f));
        assert_false(s.conns[c].closed);
    }
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(at_once),
                                       cmocka_unit_test(delayed),
                                       cmocka_unit_test(delayed_six),
                                       cmocka_unit_test(with_overtaking),
                                       cmocka_unit_test(one_by_one),
                                       cmocka_unit_test(early_errors),
                                       cmocka_unit_test(no_other_error_comes_early),
                                       cmocka_unit_test(xids_with_a_meaning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
