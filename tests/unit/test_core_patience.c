/* Nobody waits on somebody else's connection: a server that hangs delays those who are attached to it, and no others.
 * */
#include "tests/sim/core_fixture.h"

#include <stdio.h>

/* The pings of a client whose first request waits for somebody else's sake are relayed past it, and keep its session.
 * */
static void pings_pass_a_request_that_waits(void **state)
{
    (void)state;
    struct sim_frame f;
    sim_local_create(&s, c, M "/t", "x");
    s.service_hold = true;
    sim_watch(&s, other, 3, M "/t");
    wire_read(&b, 4, PK_OP_EXISTS, "/storm", false);
    wire_ping(&b);
    wire_read(&b, 5, PK_OP_EXISTS, "/storm", false);
    wire_ping(&b);
    sim_go(&s, other, &b);
    sim_expect(&s, other, PK_XID_PING, PK_Z_OK, NULL);
    sim_expect(&s, other, PK_XID_PING, PK_Z_OK, NULL);
    assert_false(sim_frame(&s, other, &f));
    sim_release(&s, sim_service(&s), 20);
    for (int xid = 3; xid <= 5; xid++)
        sim_expect(&s, other, xid, PK_Z_OK, NULL);
}

/* The owner of absorbed writes is attached to a server that hangs: once a set by anybody else waited for two thirds of
 * the owner's timeout. */
static void a_silent_writer_keeps_nobody_waiting(void **state)
{
    (void)state;
    struct sim_frame f;
    assert_int_equal(sim_direct_create(&s, M "/v", ""), PK_Z_OK);
    int owner = sim_connect(&s, 40000);
    sim_beats(&s, owner, M "/v", 1);
    sim_beats(&s, owner, M "/v", 2);
    assert_int_equal(st()->dirty, 1);
    s.conns[owner].hold = true;
    wire_set(&b, 4, M "/v", "others", -1);
    sim_go(&s, other, &b);
    assert_false(sim_frame(&s, other, &f));
    sim_advance(&s, 2500000);
    sim_expect(&s, other, 4, PK_Z_OK, &f);
    expect_upstream(M "/v", "others", 4);
    assert_int_equal(st()->writes_dropped, 0);
    assert_false(s.conns[owner].closed);
}

/* The owner lost the right to write, directly, and then its connection: once its absorbed writes were carried in with
 * the rights of the service session. */
static void nobodys_write_has_more_rights_than_its_author(void **state)
{
    (void)state;
    static const uint8_t read_only[] = "\0\0\0\1\0\0\0\1\0\0\0\5world\0\0\0\6anyone";
    assert_int_equal(sim_direct_create(&s, M "/v", "before"), PK_Z_OK);
    int owner = sim_connect(&s, 10000);
    sim_beats(&s, owner, M "/v", 1);
    sim_beats(&s, owner, M "/v", 2);
    assert_int_equal(st()->dirty, 1);
    assert_int_equal(tree_set_acl(&s.zk.tree, M "/v", read_only, PK_OPEN_ACL_LEN, -1), TREE_OK);
    sim_lose(&s, owner, 0, SIM_UNHEARD);
    sim_pump(&s);
    sim_advance(&s, 3000000);
    assert_int_equal(st()->dirty, 0);
    assert_true(st()->writes_dropped > 0);
    assert_int_equal(upstream(M "/v")->version, 1);
}

/* Once 37,000 local deletes could be owed to an upstream parent, and the next sequential create there took seconds. */
static void local_deletes_are_paid_back_in_time(void **state)
{
    (void)state;
    char path[64];
    for (int i = 0; i < 1500; i++) {
        snprintf(path, sizeof path, M "/w%d", i);
        wire_create(&b, 2, path, "");
        sim_call(&s, c, &b, PK_Z_OK, NULL);
        wire_delete(&b, 3, path, -1);
        sim_call(&s, c, &b, PK_Z_OK, NULL);
    }
    uint64_t writes = s.zk.writes;
    struct sim_frame f;
    wire_create_as(&b, 4, PK_OP_CREATE, PK_CREATE_SEQUENTIAL, M "/s-", "");
    sim_call(&s, other, &b, PK_Z_OK, &f);
    assert_in_range(s.zk.writes - writes, 1, 8);
    assert_true(memcmp(f.body + 4, M "/s-0000001500", strlen(M "/s-0000001500")) == 0);
}

/* They are replayed in several batches: once only the newest was added to what a server showed that had seen none,
 * and a parent's cversion fell. */
static void a_server_behind_several_replays_shows_no_less(void **state)
{
    (void)state;
    char path[64];
    struct sim_frame f;
    for (int i = 0; i < 900; i++) {
        snprintf(path, sizeof path, M "/w%d", i);
        wire_create(&b, 2, path, "");
        sim_call(&s, c, &b, PK_Z_OK, NULL);
        wire_delete(&b, 3, path, -1);
        sim_call(&s, c, &b, PK_Z_OK, NULL);
    }
    wire_read(&b, 4, PK_OP_EXISTS, M, false);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    int32_t seen = sim_stat(&f).cversion;
    assert_in_range(seen, 1800, 1900);
    zk_lag(&s.zk, s.conns[other].link);
    wire_create_as(&b, 5, PK_OP_CREATE, PK_CREATE_SEQUENTIAL, M "/s-", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    wire_read(&b, 6, PK_OP_EXISTS, M, false);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    assert_true(sim_stat(&f).cversion >= seen);
}

/* Once a state file could say that millions of them are owed, and the first sequential create replayed them all. */
static void a_state_file_owes_no_more(void **state)
{
    (void)state;
    const struct core_record share = {.path = (const uint8_t *)M, .path_len = strlen(M), .cversion = 3145732};
    assert_int_equal(core_restore(s.core, &share), PK_OK);
    uint64_t writes = s.zk.writes;
    wire_create_as(&b, 4, PK_OP_CREATE, PK_CREATE_SEQUENTIAL, M "/s-", "");
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    assert_in_range(s.zk.writes - writes, 2, 8);
}

static enum pk_err restore(const char *path, bool local, int32_t children)
{
    const struct core_record r = {
        .path = (const uint8_t *)path, .path_len = strlen(path), .local = local, .cversion = children};
    return core_restore(s.core, &r);
}

/* A state file with something of the ensemble's below a local znode, or a parent behind its child. Once it was taken,
 * and the znode above was somebody else's when the one below was promoted. */
static void a_state_file_has_all_below_a_local_znode_local(void **state)
{
    (void)state;
    assert_int_equal(restore(M "/t", true, 1), PK_OK);
    assert_int_equal(restore(M "/t/up/w", true, 0), PK_EINVAL);
    assert_int_equal(restore(M "/t/up", false, 7), PK_EINVAL);
    assert_int_equal(restore(M "/t/w", true, 0), PK_OK);
    assert_int_equal(restore(M "/u/v/w", true, 0), PK_OK);
    assert_int_equal(restore(M "/u", true, 1), PK_EINVAL);
    assert_int_equal(restore(M "/u/v", false, 7), PK_OK);
    assert_int_equal(st()->znodes, 3);
}

/* A parent that was removed directly is made again with the ACL that it had, not open to everybody. */
static void a_parent_comes_back_with_its_acl(void **state)
{
    (void)state;
    static const uint8_t no_admin[] = "\0\0\0\1\0\0\0\xf\0\0\0\5world\0\0\0\6anyone";
    assert_int_equal(tree_set_acl(&s.zk.tree, M, no_admin, PK_OPEN_ACL_LEN, -1), TREE_OK);
    sim_local_create(&s, c, M "/t", "x");
    assert_int_equal(sim_direct_delete(&s, M), PK_Z_OK);
    sim_watch(&s, other, 3, M "/t");
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/t"));
    assert_int_equal(upstream(M)->acl_len, PK_OPEN_ACL_LEN);
    assert_memory_equal(upstream(M)->acl, no_admin, PK_OPEN_ACL_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(pings_pass_a_request_that_waits),
        CASE(a_silent_writer_keeps_nobody_waiting),
        CASE(nobodys_write_has_more_rights_than_its_author),
        CASE(local_deletes_are_paid_back_in_time),
        CASE(a_server_behind_several_replays_shows_no_less),
        CASE(a_state_file_owes_no_more),
        CASE(a_state_file_has_all_below_a_local_znode_local),
        CASE(a_parent_comes_back_with_its_acl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
