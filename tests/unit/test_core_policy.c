/* The policy of a mount: who is let and who is not, in order, whatever memory holds, and what the ensemble is told. */
#include <stdio.h>

#include "core/inspect.h"
#include "tests/sim/core_fixture.h"

#define BOB "bob:R3bUSw3Enrs8ff9W5R1qlyZbH2M=" /* of bob:p */

static const struct core_who bob[] = {{.scheme = "digest", .id = BOB, .upstream = true}};
static const struct core_who anyone[] = {{.scheme = "world", .id = "anyone", .upstream = true}};
static const struct core_policy bob_reads = {
    .readers = bob, .nreaders = 1, .writers = anyone, .nwriters = 1, .own = bob, .nown = 1};
static const struct core_policy bob_alone = {
    .readers = bob, .nreaders = 1, .writers = bob, .nwriters = 1, .own = bob, .nown = 1};

static const struct core_auth bob_auth = {"digest", (const uint8_t *)"bob:p", 5};

/* As the default, with this policy. The service session is bob's. */
static void start_with(enum pk_mount_mode mode, const struct core_policy *policy)
{
    struct core_mount mount = sim_default_config.mounts[0];
    mount.mode = mode;
    mount.policy = policy;
    core_restart(&mount);
    assert_int_equal(core_auth_set(s.core, &bob_auth, 1), PK_OK);
}

static void be_bob(int client)
{
    wire_user(&b, PK_XID_AUTH, "bob");
    sim_call(&s, client, &b, PK_Z_OK, NULL);
}

static void set_watches(int op, const char *data, const char *recursive)
{
    size_t mark = wire_begin(&b, -8, op);
    sup_long(&b, 0);
    sup_int(&b, data != NULL);
    if (data != NULL)
        sup_str(&b, data);
    sup_int(&b, 0);
    sup_int(&b, 0);
    if (op == PK_OP_SET_WATCHES2) {
        sup_int(&b, 0);
        sup_int(&b, recursive != NULL);
        if (recursive != NULL)
            sup_str(&b, recursive);
    }
    wire_end(&b, mark);
}

/* Every way to read, one request each: i from 0 on; false at the end. */
static bool put_read(int i, const char *path)
{
    static const int plain[] = {PK_OP_GET_DATA, PK_OP_GET_CHILDREN, PK_OP_GET_CHILDREN2};
    size_t mark;
    if (i < 6)
        wire_read(&b, 7, plain[i / 2], path, i % 2 == 1);
    else if (i == 6)
        wire_path(&b, 7, PK_OP_GET_ACL, path);
    else if (i == 7)
        wire_path(&b, 7, PK_OP_GET_ALL_CHILDREN_NUMBER, path);
    else if (i == 8)
        wire_read(&b, 7, PK_OP_EXISTS, path, true);
    else if (i == 9 || i == 10)
        wire_add_watch(&b, 7, path, i - 9);
    else if (i == 11 || i == 12)
        wire_add_watch(&b, 7, i == 11 ? "/storm" : "/", PK_WATCH_PERSISTENT_RECURSIVE);
    else if (i == 13 || i == 14)
        set_watches(i == 13 ? PK_OP_SET_WATCHES : PK_OP_SET_WATCHES2, path, NULL);
    else if (i == 15)
        set_watches(PK_OP_SET_WATCHES2, NULL, "/");
    else if (i == 16) {
        mark = wire_multi(&b, 7, PK_OP_MULTI_READ);
        wire_multi_read(&b, PK_OP_GET_DATA, "/storm");
        wire_multi_read(&b, PK_OP_GET_DATA, path);
        wire_multi_end(&b, mark);
    } else {
        return false;
    }
    return true;
}

static void nobody_else_reads(enum pk_mount_mode mode)
{
    struct sim_frame f;
    start_with(mode, &bob_reads);
    wire_create(&b, 1, M "/t", "secret");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    const char *const paths[] = {M "/t", M, M "/none", M "/t/"};
    for (int p = 0; p < 4; p++)
        for (int i = 0; put_read(i, paths[p]); i++) {
            uint64_t before = s.conns[c].requests;
            sim_go(&s, c, &b);
            assert_true(sim_frame(&s, c, &f));
            if (f.err != PK_Z_NO_AUTH)
                fail_msg("mode %d, read %d of %s: %d", mode, i, paths[p], f.err);
            assert_int_equal(f.len, 0);
            assert_int_equal(s.conns[c].requests, before);
        }
    assert_int_equal(st()->watched_paths, 0);
    assert_int_equal(st()->recursive_watches, 0);
    be_bob(other);
    wire_read(&b, 2, PK_OP_GET_DATA, M "/t", false);
    sim_call(&s, other, &b, PK_Z_OK, &f);
    sim_expect_data(&f, "secret");
}

static void reads_in_every_mode(void **state)
{
    (void)state;
    nobody_else_reads(PK_MODE_PACEMAKER);
    nobody_else_reads(PK_MODE_WRITE_BEHIND);
    nobody_else_reads(PK_MODE_RELAY);
}

/* A worker without secrets beats: it creates, asks whether it is there, and writes. */
static void a_worker_beats(void **state)
{
    (void)state;
    start_with(PK_MODE_PACEMAKER, &bob_reads);
    sim_local_create(&s, c, M "/t", "");
    sim_local_create(&s, c, M "/t/w", "0");
    for (int i = 0; i < 3; i++) {
        wire_read(&b, 1, PK_OP_EXISTS, M "/t/w", false);
        wire_set(&b, 2, M "/t/w", "1", -1);
        sim_go(&s, c, &b);
        sim_expect(&s, c, 1, PK_Z_OK, NULL);
        sim_expect(&s, c, 2, PK_Z_OK, NULL);
    }
    assert_int_equal(st()->requests_denied, 0);
    wire_delete(&b, 3, M "/t/w", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
}

/* Who may only read, or only write, may not hand out rights. */
static void writers(void **state)
{
    (void)state;
    struct sim_frame f;
    start_with(PK_MODE_PACEMAKER, &bob_alone);
    wire_create(&b, 1, M "/t", "");
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    wire_create_as(&b, 1, PK_OP_CREATE2, PK_CREATE_SEQUENTIAL, M "/", "");
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    wire_create_as(&b, 1, PK_OP_CREATE_CONTAINER, PK_CREATE_CONTAINER, M "/t", "");
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    wire_set(&b, 1, M, "", -1);
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    wire_delete(&b, 1, M, -1);
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    wire_set_acl(&b, 1, M, -1);
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    wire_read(&b, 1, PK_OP_EXISTS, M "/t", false);
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    wire_path(&b, 1, PK_OP_GET_EPHEMERALS, "/storm/work");
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    wire_path(&b, 1, PK_OP_SYNC, M);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    be_bob(c);
    sim_local_create(&s, c, M "/t", "");
    wire_path(&b, 2, PK_OP_GET_ALL_CHILDREN_NUMBER, M);
    sim_call(&s, c, &b, PK_Z_OK, &f);
    start_with(PK_MODE_PACEMAKER, &bob_reads);
    wire_set_acl(&b, 1, M, -1);
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
}

static void exists_for_readers_alone(void **state)
{
    (void)state;
    struct core_policy strict = bob_reads;
    strict.exists_reads = true;
    start_with(PK_MODE_PACEMAKER, &strict);
    wire_read(&b, 1, PK_OP_EXISTS, M "/t", false);
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    be_bob(c);
    wire_read(&b, 1, PK_OP_EXISTS, M "/t", false);
    sim_call(&s, c, &b, PK_Z_NO_NODE, NULL);
}

/* As a server answers: the reply has no error, the operations have. */
static void a_multi(void **state)
{
    (void)state;
    struct sim_frame f;
    start_with(PK_MODE_PACEMAKER, &bob_alone);
    size_t mark = wire_multi(&b, 1, PK_OP_MULTI);
    wire_multi_set(&b, "/storm", "x", -1);
    wire_multi_set(&b, M "/t", "x", -1);
    wire_multi_set(&b, "/storm", "x", -1);
    wire_multi_end(&b, mark);
    sim_call(&s, c, &b, PK_Z_OK, &f);
    struct pk_in in = pk_in(f.body, f.len);
    static const int codes[] = {PK_Z_OK, PK_Z_NO_AUTH, PK_Z_RUNTIME_INCONSISTENCY};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pk_get_int(&in), -1);
        assert_false(pk_get_bool(&in));
        assert_int_equal(pk_get_int(&in), codes[i]);
        assert_int_equal(pk_get_int(&in), codes[i]);
    }
    assert_int_equal(pk_get_int(&in), -1);
    assert_true(pk_get_bool(&in));
    assert_int_equal(pk_get_int(&in), -1);
    assert_false(in.bad);
    assert_int_equal(pk_in_left(&in), 0);
    assert_int_equal(upstream("/storm")->version, 0);
}

/* What waits for the ensemble's word about credentials is judged when that is there, and answers stay in order. */
static void in_one_pipeline_with_its_credentials(void **state)
{
    (void)state;
    struct sim_frame f;
    start_with(PK_MODE_PACEMAKER, &bob_reads);
    sim_local_create(&s, other, M "/t", "secret");
    s.conns[c].deaf = true;
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    wire_read(&b, 2, PK_OP_GET_DATA, M "/t", false);
    wire_user(&b, PK_XID_AUTH, "bob");
    wire_read(&b, 4, PK_OP_GET_DATA, M "/t", false);
    sim_go(&s, c, &b);
    assert_false(sim_frame(&s, c, &f));
    s.conns[c].deaf = false;
    sim_pump(&s);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    sim_expect(&s, c, 2, PK_Z_NO_AUTH, NULL);
    sim_expect(&s, c, PK_XID_AUTH, PK_Z_OK, NULL);
    sim_expect(&s, c, 4, PK_Z_OK, &f);
    sim_expect_data(&f, "secret");
}

static void a_name_from_sasl(void **state)
{
    (void)state;
    static const struct core_who nimbus[] = {{.scheme = "sasl", .id = "nimbus", .upstream = true}};
    struct core_policy policy = {.readers = nimbus, .nreaders = 1, .writers = anyone, .nwriters = 1};
    start_with(PK_MODE_PACEMAKER, &policy);
    sim_local_create(&s, other, M "/t", "secret");
    s.release = 0x0308;
    c = sim_connect(&s, 10000);
    wire_sasl(&b, 1, "I am nimbus");
    wire_read(&b, 2, PK_OP_GET_DATA, M "/t", false);
    sim_go(&s, c, &b);
    sim_expect(&s, c, 1, PK_Z_OK, NULL);
    sim_expect(&s, c, 2, PK_Z_OK, NULL);
    wire_sasl(&b, 1, "I am mallory");
    wire_read(&b, 2, PK_OP_GET_DATA, M "/t", false);
    sim_go(&s, other, &b);
    sim_expect(&s, other, 1, PK_Z_OK, NULL);
    sim_expect(&s, other, 2, PK_Z_NO_AUTH, NULL);
}

static void an_address(void **state)
{
    (void)state;
    static const struct core_who net[] = {
        {.scheme = "ip", .id = "10.1.0.0/15", .address = {10, 1}, .address_len = 4, .prefix = 15}};
    static const uint8_t inside[] = {10, 0, 255, 1}, outside[] = {10, 2, 0, 1},
                         mapped[16] = {[10] = 0xff, 0xff, 10, 1, 2, 3}, other_kind[16] = {10, 1};
    struct core_policy policy = {.readers = net, .nreaders = 1, .writers = anyone, .nwriters = 1};
    start_with(PK_MODE_PACEMAKER, &policy);
    const struct {
        const uint8_t *address;
        size_t len;
        int err;
    } tries[] = {{inside, 4, PK_Z_NO_NODE},
                 {outside, 4, PK_Z_NO_AUTH},
                 {mapped, 16, PK_Z_NO_NODE},
                 {other_kind, 16, PK_Z_NO_AUTH},
                 {inside, 0, PK_Z_NO_AUTH}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        core_client_address(s.core, s.conns[c].id, tries[i].address, tries[i].len);
        wire_read(&b, 1, PK_OP_GET_DATA, M "/t", false);
        sim_call(&s, c, &b, tries[i].err, NULL);
    }
}

/* The ensemble may read more than we do in what does not decode here, or in a type that is new. */
static void what_cannot_be_read(void **state)
{
    (void)state;
    start_with(PK_MODE_PACEMAKER, &bob_reads);
    size_t mark = wire_begin(&b, 1, PK_OP_GET_DATA);
    sup_int(&b, 500);
    wire_end(&b, mark);
    sim_call(&s, c, &b, PK_Z_MARSHALLING_ERROR, NULL);
    mark = wire_multi(&b, 1, PK_OP_MULTI);
    wire_multi_op(&b, PK_OP_GET_ACL);
    wire_multi_end(&b, mark);
    sim_call(&s, c, &b, PK_Z_MARSHALLING_ERROR, NULL);
    mark = wire_begin(&b, 1, PK_OP_SET_WATCHES);
    sup_long(&b, 0);
    sup_int(&b, 900);
    wire_end(&b, mark);
    sim_call(&s, c, &b, PK_Z_MARSHALLING_ERROR, NULL);
    uint64_t before = s.conns[c].requests;
    wire_op(&b, 1, 4711);
    sim_call(&s, c, &b, PK_Z_UNIMPLEMENTED, NULL);
    assert_int_equal(s.conns[c].requests, before);
    sim_expect_closed(&s, c, PK_CLOSE_UNIMPLEMENTED);
}

/* Where the ensemble insists on authentication it says so first. */
static void after_the_ensembles_own_word(void **state)
{
    (void)state;
    start_with(PK_MODE_PACEMAKER, &bob_reads);
    s.zk.require_auth = true;
    int fresh = sim_connect(&s, 10000);
    wire_read(&b, 1, PK_OP_GET_DATA, M "/t", false);
    sim_call(&s, fresh, &b, PK_Z_SESSION_CLOSED_REQUIRE_SASL_AUTH, NULL);
}

/* The entry of an ACL, scheme and id in one; perms 0 when there is none. */
static int perms_in(const uint8_t *p, const char *who)
{
    int perms = 0;
    struct pk_in in = {p, p + 4096, false};
    for (int n = pk_get_int(&in); n > 0; n--) {
        char text[200];
        int have = pk_get_int(&in);
        struct pk_bytes scheme = pk_get_bytes(&in), id = pk_get_bytes(&in);
        snprintf(text, sizeof text, "%.*s:%.*s", (int)scheme.len, (const char *)scheme.p, (int)id.len,
                 (const char *)id.p);
        perms |= strcmp(text, who) == 0 ? have : 0;
    }
    return perms;
}

/* The ensemble guards what it is handed as we did. */
static void promoted_with_an_acl_that_says_the_same(void **state)
{
    (void)state;
    struct sim_frame f;
    start_with(PK_MODE_PACEMAKER, &bob_reads);
    sim_local_create(&s, c, M "/t", "");
    sim_local_create(&s, c, M "/t/w", "0");
    sim_beats(&s, c, M "/t/w", 3);
    be_bob(other);
    wire_path(&b, 1, PK_OP_GET_ACL, M "/t/w");
    sim_call(&s, other, &b, PK_Z_OK, &f);
    assert_int_equal(perms_in(f.body, "digest:" BOB), PK_PERM_ALL);
    assert_int_equal(perms_in(f.body, "world:anyone"), PK_PERM_WRITE | PK_PERM_CREATE | PK_PERM_DELETE);
    sim_watch(&s, other, 2, M "/t/w");
    sim_expect(&s, other, 2, PK_Z_OK, NULL);
    const struct tree_node *z = upstream(M "/t/w");
    assert_non_null(z);
    assert_int_equal(z->version, 3);
    assert_int_equal(perms_in(z->acl, "digest:" BOB), PK_PERM_ALL);
    assert_int_equal(perms_in(z->acl, "world:anyone"), PK_PERM_WRITE | PK_PERM_CREATE | PK_PERM_DELETE);
    wire_set(&b, 3, M "/t/w", "by a worker", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    sim_expect_event(&s, other, PK_EVENT_DATA_CHANGED, M "/t/w");
    assert_int_equal(st()->promote_failures, 0);
}

/* What a batch did whose answer was lost is recognised by that ACL too; without credentials of its own the service
 * session cannot look, and what it cannot look at is theirs. */
static void a_promotion_cut_off(void **state)
{
    (void)state;
    for (int own = 1; own >= 0; own--) {
        start_with(PK_MODE_PACEMAKER, &bob_reads);
        assert_int_equal(core_auth_set(s.core, &bob_auth, (size_t)own), PK_OK);
        sim_local_create(&s, c, M "/t", "x");
        be_bob(other);
        s.service_hold = true;
        sim_watch(&s, other, 2, M "/t");
        int service = sim_service(&s);
        sim_lose(&s, service, true, SIM_UNHEARD);
        assert_non_null(upstream(M "/t"));
        s.service_hold = s.conns[service].hold = false;
        sim_pump(&s);
        sim_advance(&s, 3000000);
        sim_expect(&s, other, 2, PK_Z_OK, NULL);
        assert_int_equal(st()->foreign_creates, !own);
        assert_int_equal(st()->znodes, 0);
    }
}

/* Readers whom the ensemble does not know: nobody is locked out there, which the configuration says. */
static void readers_that_the_ensemble_does_not_know(void **state)
{
    (void)state;
    static const struct core_who subject[] = {{.scheme = "x509", .id = "CN=nimbus"}};
    struct core_policy policy = {.readers = subject, .nreaders = 1, .writers = anyone, .nwriters = 1};
    assert_true(pk_policy_hands_over_open(&policy));
    assert_false(pk_policy_hands_over_open(&bob_reads));
    start_with(PK_MODE_PACEMAKER, &policy);
    sim_local_create(&s, c, M "/t", "x");
    assert_int_equal(core_identify(s.core, s.conns[other].id, "x509", "CN=nimbus"), PK_OK);
    sim_watch(&s, other, 2, M "/t");
    sim_expect(&s, other, 2, PK_Z_OK, NULL);
    assert_int_equal(perms_in(upstream(M "/t")->acl, "world:anyone"), PK_PERM_ALL);
}

/* Watches that stand when a policy comes tell nothing more. */
static void a_policy_that_comes_later(void **state)
{
    (void)state;
    struct sim_frame f;
    start_with(PK_MODE_PACEMAKER, NULL);
    wire_create(&b, 1, "/storm/x", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    wire_add_watch(&b, 2, "/", PK_WATCH_PERSISTENT_RECURSIVE);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    wire_create(&b, 3, M "/t", "x");
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    sim_expect_event(&s, c, PK_EVENT_CREATED, M "/t");
    struct core_mount mount = sim_default_config.mounts[0];
    mount.policy = &bob_reads;
    assert_int_equal(core_mount_set(s.core, 0, &mount), PK_OK);
    wire_set(&b, 4, M "/t", "y", -1);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    assert_false(sim_frame(&s, c, &f));
    assert_int_equal(st()->events_withheld, 1);
    wire_read(&b, 5, PK_OP_GET_DATA, M "/t", false);
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    wire_set(&b, 5, "/storm/x", "y", -1);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    sim_expect_event(&s, c, PK_EVENT_DATA_CHANGED, "/storm/x");
    mount.policy = NULL;
    assert_int_equal(core_mount_set(s.core, 0, &mount), PK_OK);
    wire_read(&b, 6, PK_OP_GET_DATA, M "/t", false);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
}

/* Without policies nothing is withheld, nor is anything asked of anybody. */
static void without_a_policy(void **state)
{
    (void)state;
    start_with(PK_MODE_PACEMAKER, NULL);
    sim_local_create(&s, c, M "/t", "x");
    for (int i = 0; put_read(i, M "/t"); i++) {
        struct sim_frame f;
        sim_go(&s, other, &b);
        assert_true(sim_frame(&s, other, &f));
        assert_int_equal(f.err, PK_Z_OK);
        while (sim_frame(&s, other, &f))
            continue;
    }
    assert_int_equal(st()->requests_denied, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(reads_in_every_mode),
        CASE(a_worker_beats),
        CASE(writers),
        CASE(exists_for_readers_alone),
        CASE(a_multi),
        CASE(in_one_pipeline_with_its_credentials),
        CASE(a_name_from_sasl),
        CASE(an_address),
        CASE(what_cannot_be_read),
        CASE(after_the_ensembles_own_word),
        CASE(promoted_with_an_acl_that_says_the_same),
        CASE(a_promotion_cut_off),
        CASE(readers_that_the_ensemble_does_not_know),
        CASE(a_policy_that_comes_later),
        CASE(without_a_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
