/*
 * A group of one: the election, the reign, what waits for it, and what a standby says of its clients.
 */
#include "../sim/pulse_fixture.h"

#include "core/peer/group.h"

static const struct core_group group = {
    .path = "/pacekeeper/storm",
    .incarnation = {0x11, 0x22, 0x33, 0x44, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .address = "10.0.0.1:2185",
};

static int setup(void **state)
{
    (void)state;
    struct core_config config = sim_default_config;
    config.group = &group;
    config.pacemaker = M;
    config.max_message = 1 << 20;
    sim_init(&s, &config);
    c = other = -1;
    return 0;
}

static enum pk_role role(void)
{
    struct core_group_info info;
    assert_true(core_group_info(s.core, &info));
    return info.role;
}

static struct core_group_info info(void)
{
    struct core_group_info i;
    assert_true(core_group_info(s.core, &i));
    return i;
}

/* Until it is primary: one that nobody knows waits three quarters of its session's timeout, then a heartbeat. */
static void become_primary(void)
{
    for (int i = 0; i < 40 && role() != PK_ROLE_PRIMARY; i++)
        sim_advance(&s, 250000);
    assert_int_equal(role(), PK_ROLE_PRIMARY);
}

static void one_becomes_primary(void **state)
{
    (void)state;
    sim_advance(&s, 2900000);
    assert_int_not_equal(role(), PK_ROLE_PRIMARY);
    assert_null(upstream("/pacekeeper/storm/primary"));
    become_primary();
    assert_true(s.now_us < 6000000);
    const struct tree_node *n = upstream("/pacekeeper/storm/primary");
    assert_non_null(n);
    assert_true(n->czxid == info().epoch && n->owner != 0);
    expect_upstream("/pacekeeper/storm/primary", "1122334405060708090a0b0c0d0e0f10 10.0.0.1:2185", 0);
}

static void beats_of_one(void **state)
{
    (void)state;
    struct sim_frame f;
    become_primary();
    c = sim_connect(&s, 10000);
    assert_true(c >= 0);
    sim_local_create(&s, c, M "/a", "1");
    sim_beats(&s, c, M "/a", 5);
    assert_null(upstream(M "/a"));
    wire_read(&b, 7, PK_OP_GET_DATA, M "/a", false);
    sim_call(&s, c, &b, 0, &f);
    sim_expect_data(&f, "beat 4");
}

/* What a lane is answered waits at the gate until its session is older than a question about the reign. */
static void pulses_of_one(void **state)
{
    (void)state;
    become_primary();
    p = sim_open_pacemaker(&s);
    static const int kinds[] = {PK_PULSE_SEND, PK_PULSE_LIST, PK_PULSE_DELETE};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct pk_pulse m = {0};
        pulse_put(kinds[i], 7, "/workerbeats/t/n", "1");
        sim_go(&s, p, &b);
        for (int n = 0; n < 8 && !sim_pulse(&s, p, &m); n++)
            sim_advance(&s, 250000);
        assert_int_equal(m.type, kinds[i] + 1);
        assert_int_equal(m.id, 7);
    }
}

/* The ensemble stops answering: what is in memory waits, pings and what is outside do not; then it leaves. */
static void unconfirmed(void **state)
{
    (void)state;
    struct sim_frame f;
    become_primary();
    c = sim_connect(&s, 60000);
    sim_local_create(&s, c, M "/a", "1");
    s.conns[sim_service(&s)].hold = true;
    sim_advance(&s, 900000);
    sim_beats(&s, c, M "/a", 1);
    for (int i = 0; i < 8; i++) {
        sim_advance(&s, 250000);
        if (sim_service(&s) >= 0)
            s.conns[sim_service(&s)].hold = true;
    }
    assert_false(info().reigning);
    wire_set(&b, 9, M "/a", "late", -1);
    sim_go(&s, c, &b);
    assert_false(sim_frame(&s, c, &f));
    wire_ping(&b);
    sim_go(&s, c, &b);
    assert_true(sim_frame(&s, c, &f));
    assert_int_equal(f.xid, -2);
    assert_int_equal(info().waiting, 1);
    s.service_hold = false;
    if (sim_service(&s) >= 0)
        s.conns[sim_service(&s)].hold = false;
    sim_advance(&s, 500000);
    sim_expect(&s, c, 9, 0, &f);
    assert_int_equal(info().waiting, 0);
    assert_true(core_copy_wait(s.core, 1) >= 0);
}

/* Its session expires, and nobody else is there: it is primary again, in a new epoch, with all that it held. */
static void expired_alone(void **state)
{
    (void)state;
    struct sim_frame f;
    become_primary();
    int64_t epoch = info().epoch;
    c = sim_connect(&s, 10000);
    sim_local_create(&s, c, M "/a", "1");
    sim_beats(&s, c, M "/a", 5);
    zk_session(&s.zk, upstream("/pacekeeper/storm/primary")->owner)->touched_ms = 0;
    for (int i = 0; i < 40 && (info().epoch == epoch || role() != PK_ROLE_PRIMARY); i++)
        sim_advance(&s, 250000);
    assert_true(role() == PK_ROLE_PRIMARY && info().epoch > epoch);
    assert_int_equal(st()->group_losses, 0);
    other = sim_connect(&s, 10000);
    wire_read(&b, 7, PK_OP_GET_DATA, M "/a", false);
    sim_call(&s, other, &b, 0, &f);
    sim_expect_data(&f, "beat 4");
}

/* A stop finishes what was received; memory stays, to be saved. */
static void drained(void **state)
{
    (void)state;
    become_primary();
    c = sim_connect(&s, 10000);
    sim_local_create(&s, c, M "/a", "1");
    wire_set(&b, 5, M "/a", "2", -1);
    sim_send(&s, c, &b);
    sim_step(&s, -1, PK_DRAIN, NULL, 0);
    assert_true(core_handed_over(s.core));
    for (int i = 0; i < 20 && !core_idle(s.core); i++)
        sim_advance(&s, 250000);
    assert_true(core_idle(s.core));
    assert_int_equal(st()->znodes, 1);
    assert_null(upstream("/pacekeeper/storm/primary"));
}

/* ---- a standby vouches for its clients ---- */

static const struct core_who bob[] = {{.scheme = "sasl", .id = "bob"}};
static const struct core_who anyone[] = {{.scheme = "world", .id = "anyone", .upstream = true}};
static const struct core_policy bob_reads = {
    .readers = bob, .nreaders = 1, .writers = anyone, .nwriters = 1, .own = bob, .nown = 1};

static int setup_with_readers(void **state)
{
    struct core_mount mount = sim_default_config.mounts[0];
    struct core_config config = sim_default_config;
    mount.policy = &bob_reads;
    config.group = &group;
    config.mounts = &mount;
    (void)state;
    sim_init(&s, &config);
    c = other = -1;
    become_primary();
    return 0;
}

static enum pk_err open_relayed(struct core *core, int64_t now_us, struct pk_id *id)
{
    return core_open_relayed(core, now_us, info().epoch, 0, false, id);
}

static void put_vouch(const char *identity)
{
    sup_int(&b, (int64_t)(UINT32_C(0x80000000) | strlen(identity)));
    sup_raw(&b, identity, strlen(identity));
}

/* A client of a standby of which that says who it is; NULL: nothing. */
static int relayed(const char *identity)
{
    int client = sim_open_by(&s, open_relayed);
    assert_true(client >= 0);
    if (identity != NULL)
        put_vouch(identity);
    wire_connect(&b, 0, 10000, 0, 0);
    sim_go(&s, client, &b);
    assert_int_equal(s.conns[client].got.len, WIRE_CONNECT_REPLY);
    s.conns[client].got_off = WIRE_CONNECT_REPLY;
    return client;
}

static void reads(int client, int err)
{
    wire_read(&b, 7, PK_OP_GET_DATA, M "/a", false);
    sim_call(&s, client, &b, err, NULL);
}

/* Before the connect request, between two requests, whole and in pieces; one says nothing of another. */
static void a_standby_says_who_its_clients_are(void **state)
{
    (void)state;
    c = sim_connect(&s, 10000);
    sim_local_create(&s, c, M "/a", "1");
    for (uint32_t chunk = 0; chunk < 4; chunk++) {
        s.chunk = chunk;
        int one = relayed("sasl:bob"), two = relayed("sasl:bobby"), three = relayed(NULL);
        reads(one, PK_Z_OK);
        reads(two, PK_Z_NO_AUTH);
        reads(three, PK_Z_NO_AUTH);
        put_vouch("sasl:bob");
        sim_go(&s, two, &b);
        reads(two, PK_Z_OK);
        reads(three, PK_Z_NO_AUTH);
        const int all[] = {one, two, three};
        for (int i = 0; i < 3; i++) {
            sim_leave(&s, all[i]);
            sim_advance(&s, 250000);
            sim_forget(&s, all[i]);
        }
    }
}

/* Behind a request that waits it does not hold up pings, nor is it taken for one. */
static void said_behind_a_request_that_waits(void **state)
{
    (void)state;
    struct sim_frame f;
    c = sim_connect(&s, 10000);
    sim_local_create(&s, c, M "/a", "1");
    int one = relayed(NULL);
    s.conns[one].hold = true;
    wire_create(&b, 3, M "/t/n", ""); /* asks the ensemble about a parent that is not there */
    put_vouch("sasl:bob");
    wire_ping(&b);
    wire_read(&b, 7, PK_OP_GET_DATA, M "/a", false);
    sim_go(&s, one, &b);
    assert_false(sim_frame(&s, one, &f));
    s.conns[one].hold = false;
    sim_pump(&s);
    int seen = 0;
    while (sim_frame(&s, one, &f)) {
        assert_true(f.xid == -2 || f.err == (f.xid == 3 ? PK_Z_NO_NODE : PK_Z_OK));
        seen++;
    }
    assert_int_equal(seen, 3);
}

/* Nobody else can say it: not a client of ours, and no standby at a length that no identity has. */
static void nobody_else_says_it(void **state)
{
    (void)state;
    c = sim_connect(&s, 10000);
    put_vouch("sasl:bob");
    sim_go(&s, c, &b);
    assert_true(s.conns[c].closed);
    other = sim_open(&s);
    put_vouch("sasl:bob");
    sim_go(&s, other, &b);
    assert_true(s.conns[other].closed);
    int one = relayed(NULL);
    sup_int(&b, (int64_t)UINT32_C(0x80000401));
    sim_go(&s, one, &b);
    assert_true(s.conns[one].closed);
}

/* Memory that is short at any call costs a connection, never the role for good. */
static void memory_short(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 250; n += 3) {
        sup_mem_fail(&s.mem, n);
        sim_advance(&s, 5000000);
        sup_mem_fail(&s.mem, 0);
        become_primary();
        c = sim_connect(&s, 10000);
        sup_mem_fail(&s.mem, n);
        wire_create(&b, 1, M "/a", "1");
        sim_go(&s, c, &b);
        sim_advance(&s, 1000000);
        sup_mem_fail(&s.mem, 0);
        become_primary();
        sim_forget(&s, c);
        assert_int_equal(core_teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

#define ONE(name)     cmocka_unit_test_setup_teardown(name, setup, core_teardown)
#define READERS(name) cmocka_unit_test_setup_teardown(name, setup_with_readers, core_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(one_becomes_primary),
        ONE(beats_of_one),
        ONE(pulses_of_one),
        ONE(unconfirmed),
        ONE(expired_alone),
        ONE(drained),
        READERS(a_standby_says_who_its_clients_are),
        READERS(said_behind_a_request_that_waits),
        READERS(nobody_else_says_it),
        ONE(memory_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
