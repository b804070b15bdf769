/* Cached znodes step by step: what is absorbed, what a flush is, and everything that once went wrong with them. */
#include "tests/sim/core_fixture.h"

#include <stdio.h>

#define Z M "/w"

enum { FLUSH_US = 2000000 };

static const struct core_mount write_behind = {.path = M,
                                               .mode = PK_MODE_WRITE_BEHIND,
                                               .max_znodes = 1000,
                                               .max_bytes = 1000000,
                                               .max_znode = 100000,
                                               .flush_us = FLUSH_US};

static void start(const struct core_mount *mount)
{
    core_start(mount);
    assert_int_equal(sim_direct_create(&s, Z, "first"), PK_Z_OK);
}

static int setup(void **state)
{
    (void)state;
    start(&write_behind);
    return 0;
}

/* One setData, answered OK; returns the version. */
static int set(int who, const char *path, const char *data)
{
    struct sim_frame f;
    wire_set(&b, 7, path, data, -1);
    sim_call(&s, who, &b, PK_Z_OK, &f);
    return sim_stat(&f).version;
}

/* Cached, with the versions 1 (relayed) to 1 + n (absorbed). */
static void cached(int who, int n)
{
    assert_int_equal(set(who, Z, "relayed"), 1);
    for (int i = 0; i < n; i++)
        assert_int_equal(set(who, Z, "absorbed"), 2 + i);
    assert_int_equal(upstream(Z)->version, 1);
    assert_int_equal(st()->dirty, n > 0);
}

static void a_flush_is_one_transaction(void **state)
{
    (void)state;
    cached(c, 5);
    int64_t zxid = s.zk.tree.zxid;
    sim_advance(&s, FLUSH_US + 500000);
    assert_int_equal(s.zk.tree.zxid - zxid, 1);
    expect_upstream(Z, "absorbed", 6);
    assert_int_equal(st()->dirty, 0);
    assert_int_equal(st()->writes_flushed, 5);
    assert_int_equal(set(c, Z, "more"), 7);
    assert_int_equal(upstream(Z)->version, 6);
}

static void (*emit)(void *ctx, int link, const uint8_t *p, size_t len);

static uint8_t *copied(const uint8_t *p, size_t len)
{
    static uint8_t changed[1000];
    assert_true(len <= sizeof changed);
    memcpy(changed, p, len);
    return changed;
}

/* The ensemble's answer to a flush, with another version in its last Stat. */
static void emit_another_version(void *ctx, int link, const uint8_t *p, size_t len)
{
    const size_t end = PK_MULTI_HEADER + PK_STAT_LEN, version = 4 * 8;
    uint8_t *changed = copied(p, len);
    if (len > end)
        pk_put_int(changed + len - end + version, 70);
    emit(ctx, link, changed, len);
}

/* An answer that is a Stat, with a mzxid after which there is none. */
static void emit_highest_mzxid(void *ctx, int link, const uint8_t *p, size_t len)
{
    uint8_t *changed = copied(p, len);
    if (len == PK_LEN_WORD + PK_REPLY_HEADER + PK_STAT_LEN)
        pk_put_long(changed + len - PK_STAT_LEN + 8, INT64_MAX);
    emit(ctx, link, changed, len);
}

/* Once such an answer made the number of steps that are left negative: then nothing was under way, and the flush was
 * sent again and again in one turn, until memory ended. */
static void a_flush_is_answered_with_another_version(void **state)
{
    (void)state;
    cached(c, 5);
    emit = s.zk.emit;
    s.zk.emit = emit_another_version;
    sup_mem_fail(&s.mem, 10000);
    s.mem.all_after = true;
    sim_advance(&s, FLUSH_US + 250000);
    s.zk.emit = emit;
    assert_int_equal(s.mem.failed, 0);
    assert_int_equal(st()->dirty, 0);
    assert_int_equal(set(c, Z, "relayed, since somebody else must have written"), 7);
    expect_upstream(Z, "relayed, since somebody else must have written", 7);
}

/* Once the next mzxid was computed past the highest one. */
static void a_mzxid_that_has_no_next(void **state)
{
    (void)state;
    struct sim_frame f;
    emit = s.zk.emit;
    s.zk.emit = emit_highest_mzxid;
    cached(c, 1);
    s.zk.emit = emit;
    wire_set(&b, 8, Z, "absorbed too", -1);
    sim_call(&s, c, &b, PK_Z_OK, &f);
    assert_true(sim_stat(&f).mzxid == INT64_MAX);
}

/* Once the next mzxid of a local write was computed from an answer's zxid that has no next one. */
static void a_zxid_that_no_ensemble_has(void **state)
{
    (void)state;
    s.conns[c].hold = true;
    wire_read(&b, 5, PK_OP_EXISTS, "/storm", false);
    sim_go(&s, c, &b);
    sim_answer(&s, c, 5, INT64_MAX, PK_Z_NO_NODE);
    sim_pump(&s);
    sim_expect_closed(&s, c, PK_CLOSE_MALFORMED_UPSTREAM);
    struct sim_frame f;
    cached(other, 1);
    wire_set(&b, 8, Z, "absorbed too", -1);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    assert_true(sim_stat(&f).mzxid > 0 && sim_stat(&f).mzxid < 1000);
}

static void others_read_what_was_absorbed(void **state)
{
    (void)state;
    struct sim_frame f;
    cached(c, 2);
    wire_read(&b, 3, PK_OP_GET_DATA, Z, false);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    sim_expect_data(&f, "absorbed");
    assert_int_equal(sim_stat(&f).version, 3);
    assert_int_equal(upstream(Z)->version, 1);
}

/* Once the same cached znode went into a multi twice, and the second half of the flush refused the first. */
static void named_twice_in_a_multi(void **state)
{
    (void)state;
    cached(c, 3);
    size_t mark = wire_multi(&b, 9, PK_OP_MULTI);
    wire_multi_check(&b, Z, 4);
    wire_multi_check(&b, Z, 4);
    wire_multi_end(&b, mark);
    struct sim_frame f;
    sim_call(&s, c, &b, PK_Z_OK, &f);
    assert_int_equal(sup_be32(f.body), PK_OP_CHECK);
    assert_int_equal(upstream(Z)->version, 4);
    assert_int_equal(st()->writes_dropped, 0);
}

/* Once a flush said that the copy of the Stat was fresh without renewing it. */
static void children_after_a_flush(void **state)
{
    (void)state;
    struct sim_frame f;
    cached(c, 1);
    assert_int_equal(sim_direct_create(&s, Z "/child", ""), PK_Z_OK);
    sim_advance(&s, FLUSH_US + 500000);
    wire_set(&b, 7, Z, "x", -1);
    sim_call(&s, c, &b, PK_Z_OK, &f);
    assert_int_equal(sim_stat(&f).version, 3);
    assert_int_equal(sim_stat(&f).cversion, 1);
    assert_int_equal(sim_stat(&f).num_children, 1);
}

/* Once the OK of a setData that came after the answer to a delete cached a znode that was gone. */
static void a_late_answer_permits_nothing(void **state)
{
    (void)state;
    s.conns[c].deaf = true;
    wire_set(&b, 7, Z, "late", -1);
    sim_go(&s, c, &b);
    assert_int_equal(upstream(Z)->version, 1);
    wire_delete(&b, 8, Z, -1);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    s.conns[c].deaf = false;
    sim_pump(&s);
    sim_expect(&s, c, 7, PK_Z_OK, NULL);
    wire_set(&b, 9, Z, "into the void", -1);
    sim_call(&s, c, &b, PK_Z_NO_NODE, NULL);
}

/* Once a create whose answer was cut off ended a dirty cached znode without a word. */
static void a_create_flushes_first(void **state)
{
    (void)state;
    cached(c, 2);
    wire_create(&b, 5, Z, "");
    sim_call(&s, other, &b, PK_Z_NODE_EXISTS, NULL);
    assert_int_equal(upstream(Z)->version, 3);
}

/* Once closeSession waited for ever for a flush that another connection made. */
static void closing_while_another_flushes(void **state)
{
    (void)state;
    assert_int_equal(set(other, Z, "permitted"), 1);
    assert_int_equal(set(c, Z, "permitted too"), 2);
    assert_int_equal(set(c, Z, "c's"), 3);
    s.conns[c].hold = true;
    sim_advance(&s, FLUSH_US + 500000);
    assert_int_equal(set(other, Z, "newer, and other's to flush"), 4);
    wire_op(&b, 21, PK_OP_CLOSE_SESSION);
    sim_go(&s, other, &b);
    s.conns[c].hold = false;
    sim_pump(&s);
    sim_expect(&s, other, 21, PK_Z_OK, NULL);
    assert_int_equal(st()->writes_dropped, 0);
    assert_int_equal(upstream(Z)->version, 4);
}

static void a_foreign_write_stays(void **state)
{
    (void)state;
    cached(c, 2);
    assert_int_equal(sim_direct_set(&s, Z, "theirs", -1), PK_Z_OK);
    sim_advance(&s, FLUSH_US + 500000);
    expect_upstream(Z, "theirs", 2);
    assert_int_equal(st()->foreign_writes, 1);
    assert_int_equal(st()->writes_dropped, 2);
    assert_int_equal(set(c, Z, "relayed again"), 3);
}

/* Once the write permits of others outlived an ACL that somebody else had changed. */
static void an_acl_changed_directly(void **state)
{
    (void)state;
    cached(c, 0);
    assert_int_equal(set(other, Z, "permitted too"), 2);
    assert_int_equal(st()->write_permits, 2);
    wire_set_acl(&b, 1, Z, -1);
    assert_int_equal(sim_direct(&s, &b).err, PK_Z_OK);
    sup_buf_reset(&b);
    int third = sim_connect(&s, 10000);
    assert_int_equal(set(third, Z, "shows the new ACL's version"), 3);
    assert_int_equal(st()->write_permits, 1);
}

/* Once memory went on absorbing while a multiRead was on its way, and the reader went back. */
static void a_multi_read_is_not_overtaken(void **state)
{
    (void)state;
    cached(c, 1);
    s.conns[other].deaf = true;
    size_t mark = wire_multi(&b, 9, PK_OP_MULTI_READ);
    wire_multi_read(&b, PK_OP_GET_DATA, Z);
    wire_multi_end(&b, mark);
    sim_go(&s, other, &b);
    assert_int_equal(set(c, Z, "relayed meanwhile"), 3);
    assert_int_equal(upstream(Z)->version, 3);
    s.conns[other].deaf = false;
    sim_pump(&s);
    sim_expect(&s, other, 9, PK_Z_OK, NULL);
    assert_int_equal(set(c, Z, "absorbed"), 4);
    assert_int_equal(upstream(Z)->version, 3);
}

/* Once only the first of a session's cached znodes was ever looked at. */
static void keep_alive_looks_at_each(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, M "/v", ""), PK_Z_OK);
    cached(c, 0);
    assert_int_equal(set(c, M "/v", "x"), 1);
    assert_int_equal(st()->cached_znodes, 2);
    assert_int_equal(sim_direct_delete(&s, Z), PK_Z_OK);
    assert_int_equal(sim_direct_delete(&s, M "/v"), PK_Z_OK);
    for (int i = 0; i < 3; i++) {
        s.now_us += 1900000;
        sim_step(&s, -1, PK_TICK, NULL, 0);
        wire_set(&b, 30, i < 2 ? M "/v" : Z, "x", 77);
        sim_go(&s, c, &b);
        (void)sim_frame(&s, c, &(struct sim_frame){0});
    }
    assert_int_equal(st()->cached_znodes, 0);
}

/* Once a foreign write that was seen while a request of ours was under way was forgotten when that one failed. */
static void foreign_beside_a_failing_request(void **state)
{
    (void)state;
    cached(c, 0);
    s.conns[other].hold = true;
    wire_create(&b, 5, Z, "");
    sim_go(&s, other, &b);
    assert_int_equal(sim_direct_set(&s, Z, "theirs", -1), PK_Z_OK);
    int third = sim_connect(&s, 10000);
    wire_read(&b, 6, PK_OP_GET_DATA, Z, false);
    sim_call(&s, third, &b, PK_Z_OK, NULL);
    s.conns[other].hold = false;
    sim_pump(&s);
    sim_expect(&s, other, 5, PK_Z_NODE_EXISTS, NULL);
    assert_int_equal(set(c, Z, "relayed"), 3);
    assert_int_equal(upstream(Z)->version, 3);
}

/* Once a client that had left was not let go when the last answer was one that we swallow. */
static void leaving_with_a_flush_behind(void **state)
{
    (void)state;
    cached(c, 2);
    s.conns[c].hold = true;
    sim_leave(&s, c);
    sim_pump(&s);
    s.conns[c].hold = false;
    sim_pump(&s);
    assert_true(s.conns[c].closed);
    assert_int_equal(upstream(Z)->version, 3);
}

static void sync_ends_permits(void **state)
{
    (void)state;
    cached(c, 1);
    assert_int_equal(st()->write_permits, 1);
    wire_path(&b, 4, PK_OP_SYNC, Z);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_int_equal(st()->write_permits, 0);
    assert_int_equal(set(c, Z, "relayed, behind a flush"), 3);
    assert_int_equal(upstream(Z)->version, 3);
}

static void a_lost_uplink_is_flushed_by_ourselves(void **state)
{
    (void)state;
    cached(c, 3);
    s.conns[c].uplink.eof = true;
    sim_pump(&s);
    sim_advance(&s, 3000000);
    assert_int_equal(upstream(Z)->version, 4);
    assert_int_equal(st()->service_sessions, 1);
    assert_int_equal(st()->dirty, 0);
    sim_advance(&s, 5000000);
    assert_int_equal(st()->uplinks, 1);
}

/* Once an ensemble whose zxids had been higher was asked without end whether the znode was there. */
static void an_ensemble_that_was_set_back(void **state)
{
    (void)state;
    cached(c, 3);
    assert_int_equal(sim_direct_delete(&s, Z), PK_Z_OK);
    s.zk.tree.zxid = 1;
    s.conns[c].uplink.eof = true;
    sim_pump(&s);
    sim_advance(&s, 3000000);
    assert_int_equal(st()->dirty, 0);
    assert_int_equal(st()->writes_dropped, 3);
    assert_null(upstream(Z));
}

/* In mode pacemaker nothing is flushed but by the 500th write. */
static void many_writes(void **state)
{
    (void)state;
    struct core_mount pacemaker = write_behind;
    pacemaker.mode = PK_MODE_PACEMAKER;
    core_teardown(NULL);
    start(&pacemaker);
    cached(c, 0);
    for (int i = 0; i < 499; i++)
        (void)set(c, Z, "x");
    sim_advance(&s, 2 * FLUSH_US);
    assert_int_equal(upstream(Z)->version, 1);
    (void)set(c, Z, "x");
    assert_int_equal(upstream(Z)->version, 501);
}

/* From pacemaker to write-behind: what was created in memory is promoted, a bounded number a tick. */
static void a_mode_is_switched(void **state)
{
    (void)state;
    struct core_mount pacemaker = write_behind;
    struct core_mount_info info;
    char path[64];
    pacemaker.mode = PK_MODE_PACEMAKER;
    core_teardown(NULL);
    start(&pacemaker);
    sim_local_create(&s, c, M "/t", "");
    for (int i = 0; i < 900; i++) {
        snprintf(path, sizeof path, M "/t/%d", i);
        sim_local_create(&s, c, path, "x");
    }
    assert_int_equal(core_mount_set(s.core, 0, &write_behind), PK_OK);
    assert_true(core_mount_info(s.core, 0, &info));
    assert_int_equal(info.left, 901);
    sim_advance(&s, 250000);
    assert_in_range(core_left(s.core), 1, 900);
    sim_advance(&s, 3000000);
    assert_int_equal(core_left(s.core), 0);
    assert_non_null(upstream(M "/t/899"));
    assert_int_equal(st()->znodes, 0);
    wire_create(&b, 5, M "/t/new", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/t/new"));
}

static int64_t touched_ms(int who)
{
    return zk_session(&s.zk, s.conns[who].session)->touched_ms;
}

/* More than a third of the sessions' 10 s pass, without a tick. */
static void be_silent(void)
{
    s.now_us += 4000000;
    zk_time(&s.zk, sim_wall_ms(&s));
}

/* Once the flush for somebody's request left on the connection of a writer who had died: its session began anew. */
static void a_silent_writer_is_shown_to_live_by_nobody(void **state)
{
    (void)state;
    cached(c, 1);
    int64_t before_ms = touched_ms(c);
    be_silent();
    wire_read(&b, 9, PK_OP_GET_DATA, Z, true);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    expect_upstream(Z, "absorbed", 2);
    assert_int_equal(touched_ms(c), before_ms);
}

/* Nor by time: it is flushed when it is heard. */
static void a_silent_writer_keeps_what_is_due(void **state)
{
    (void)state;
    cached(c, 1);
    be_silent();
    sim_advance(&s, 1000000);
    assert_int_equal(st()->dirty, 1);
    wire_ping(&b);
    sim_go(&s, c, &b);
    sim_advance(&s, 1000000);
    expect_upstream(Z, "absorbed", 2);
}

/* Nor at the end of a connection on which nothing has come for long. */
static void a_silent_writer_leaves_an_orphan(void **state)
{
    (void)state;
    cached(c, 1);
    int64_t before_ms = touched_ms(c), session = s.conns[c].session;
    be_silent();
    s.conns[c].client.eof = true;
    sim_pump(&s);
    sim_advance(&s, 1000000);
    expect_upstream(Z, "absorbed", 2);
    assert_int_equal(zk_session(&s.zk, session)->touched_ms, before_ms);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, core_teardown)
    const struct CMUnitTest tests[] = {
        T(a_flush_is_one_transaction),
        T(a_flush_is_answered_with_another_version),
        T(a_mzxid_that_has_no_next),
        T(a_zxid_that_no_ensemble_has),
        T(others_read_what_was_absorbed),
        T(named_twice_in_a_multi),
        T(children_after_a_flush),
        T(a_late_answer_permits_nothing),
        T(a_create_flushes_first),
        T(closing_while_another_flushes),
        T(a_foreign_write_stays),
        T(an_acl_changed_directly),
        T(a_multi_read_is_not_overtaken),
        T(keep_alive_looks_at_each),
        T(foreign_beside_a_failing_request),
        T(leaving_with_a_flush_behind),
        T(sync_ends_permits),
        T(a_lost_uplink_is_flushed_by_ourselves),
        T(an_ensemble_that_was_set_back),
        T(a_silent_writer_is_shown_to_live_by_nobody),
        T(a_silent_writer_keeps_what_is_due),
        T(a_silent_writer_leaves_an_orphan),
        T(many_writes),
        T(a_mode_is_switched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
