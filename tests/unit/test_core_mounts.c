/*
 * Mounts that come and go while clients are served: nothing that was watched or under way before is missed, and what a
 * mount held that goes is the ensemble's.
 */
#include "tests/sim/core_fixture.h"

#include <stdio.h>

enum { TICK_US = 250000 };

static const struct core_mount fresh = {
    .path = "/new", .mode = PK_MODE_PACEMAKER, .max_znodes = 100, .max_bytes = 1 << 20, .max_znode = 1 << 10};

static int setup(void **state)
{
    struct core_config config = sim_default_config;
    (void)state;
    config.hold = true;
    sim_init(&s, &config);
    c = sim_connect(&s, 10000);
    other = sim_connect(&s, 10000);
    (void)sim_direct_create(&s, "/new", "");
    return 0;
}
#define HELD(name) cmocka_unit_test_setup_teardown(name, setup, core_teardown)

static struct core_mount_info info_of(const char *path)
{
    struct core_mount_info info;
    size_t i;
    assert_true(core_mount_find(s.core, path, &i));
    assert_true(core_mount_info(s.core, i, &info));
    return info;
}

static void add(void)
{
    assert_int_equal(core_mount_add(s.core, &fresh), PK_OK);
}

static void take(const char *path)
{
    size_t i;
    assert_true(core_mount_find(s.core, path, &i));
    core_mount_remove(s.core, i);
    sim_step(&s, -1, PK_CONTINUE, NULL, 0);
}

static bool creates_locally(const char *path)
{
    int64_t before = st()->local_creates;
    wire_create(&b, 77, path, "x");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    return st()->local_creates > before;
}

static void a_new_mount_begins(void **state)
{
    (void)state;
    assert_false(creates_locally("/new/before"));
    add();
    assert_true(info_of("/new").begins);
    assert_false(creates_locally("/new/early"));
    sim_advance(&s, TICK_US);
    assert_false(info_of("/new").begins);
    assert_int_equal(info_of("/new").mode, PK_MODE_PACEMAKER);
    assert_true(creates_locally("/new/local"));
    wire_set(&b, 3, "/new/before", "y", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    int64_t refreshes = st()->refreshes;
    wire_set(&b, 4, "/new/before", "z", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_int_equal(st()->refreshes, refreshes + 1);
    expect_upstream("/new/before", "y", 1);
}

/* What was asked before is not known to the mount: until it is answered nothing is absorbed. */
static void it_waits_for_what_was_asked_before(void **state)
{
    (void)state;
    s.conns[other].hold = true;
    wire_read(&b, 9, PK_OP_EXISTS, "/new/w", true);
    sim_go(&s, other, &b);
    add();
    sim_advance(&s, 2 * TICK_US);
    assert_true(info_of("/new").begins);
    assert_false(creates_locally("/new/early"));
    s.conns[other].hold = false;
    sim_pump(&s);
    sim_expect(&s, other, 9, PK_Z_NO_NODE, NULL);
    sim_advance(&s, TICK_US);
    assert_false(info_of("/new").begins);
    assert_false(creates_locally("/new/w"));
    sim_expect_event(&s, other, PK_EVENT_CREATED, "/new/w");
    assert_true(creates_locally("/new/v"));
}

static void watches_that_stand_are_heard(void **state)
{
    (void)state;
    assert_false(creates_locally("/new/data"));
    assert_false(creates_locally("/new/parent"));
    wire_read(&b, 9, PK_OP_GET_DATA, "/new/data", true);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    wire_read(&b, 10, PK_OP_GET_CHILDREN, "/new/parent", true);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    add();
    sim_advance(&s, TICK_US);
    wire_set(&b, 3, "/new/data", "y", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    sim_expect_event(&s, other, PK_EVENT_DATA_CHANGED, "/new/data");
    assert_false(creates_locally("/new/parent/child"));
    sim_expect_event(&s, other, PK_EVENT_CHILDREN_CHANGED, "/new/parent");
    assert_true(creates_locally("/new/parent/second"));
    sim_leave(&s, other);
    sim_pump(&s);
    assert_int_equal(st()->watch_bytes, 0);
}

/* One that lasts says nothing of which kind it is: everything below it counts as watched. */
static void lasting_watches_above_are_heard(void **state)
{
    (void)state;
    wire_add_watch(&b, 9, "/", 1);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    add();
    sim_advance(&s, TICK_US);
    assert_int_equal(info_of("/new").recursive, 1);
    assert_false(creates_locally("/new/a"));
    sim_expect_event(&s, other, PK_EVENT_CREATED, "/new/a");
}

static void one_that_goes_is_handed_over(void **state)
{
    (void)state;
    sim_local_create(&s, c, M "/t", "");
    sim_local_create(&s, c, M "/t/1", "first");
    sim_beats(&s, c, M "/t/1", 3);
    take(M);
    assert_true(info_of(M).leaves && !info_of(M).gone);
    assert_int_equal(info_of(M).left, 2);
    sim_advance(&s, 8 * TICK_US);
    assert_true(info_of(M).gone);
    expect_upstream(M "/t/1", "beat 2", 3);
    assert_false(creates_locally(M "/t/2"));
}

/* At a stop there is no time for so many a tick. */
static void one_that_goes_may_be_in_a_hurry(void **state)
{
    enum { MANY = 1500, A_TICK = 500 };
    char path[64];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, M "/%d", i);
        sim_local_create(&s, c, path, "x");
    }
    take(M);
    sim_advance(&s, TICK_US);
    assert_in_range(info_of(M).left, 1, MANY - A_TICK);
    assert_true(core_left(s.core) > 0);
    add();
    sim_step(&s, -1, PK_HASTEN, NULL, 0);
    sim_advance(&s, TICK_US);
    assert_int_equal(core_left(s.core), 0);
    assert_true(info_of(M).gone);
    assert_int_equal(info_of("/new").mode, PK_MODE_RELAY);
}

/* Named again it begins anew, with what is watched there. */
static void one_that_is_gone_comes_back(void **state)
{
    (void)state;
    size_t i;
    take(M);
    sim_advance(&s, TICK_US);
    assert_true(info_of(M).gone);
    assert_false(creates_locally(M "/z"));
    wire_read(&b, 9, PK_OP_GET_DATA, M "/z", true);
    sim_call(&s, other, &b, PK_Z_OK, NULL);
    assert_int_equal(core_mount_add(s.core, &sim_default_config.mounts[0]), PK_EINVAL);
    assert_true(core_mount_find(s.core, M, &i));
    assert_int_equal(core_mount_set(s.core, i, &sim_default_config.mounts[0]), PK_OK);
    assert_true(info_of(M).begins && !info_of(M).leaves);
    sim_advance(&s, TICK_US);
    assert_int_equal(info_of(M).mode, PK_MODE_PACEMAKER);
    wire_set(&b, 3, M "/z", "y", -1);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    sim_expect_event(&s, other, PK_EVENT_DATA_CHANGED, M "/z");
    assert_true(creates_locally(M "/a"));
}

static void a_policy_goes_with_its_mount(void **state)
{
    (void)state;
    static const struct core_who writer = {.scheme = "ip", .id = "10.9.8.7", .address = {10, 9, 8, 7}};
    struct core_mount guarded = sim_default_config.mounts[0];
    const struct core_policy policy = {.writers = &writer, .nwriters = 1};
    guarded.policy = &policy;
    assert_int_equal(core_mount_set(s.core, 0, &guarded), PK_OK);
    wire_create(&b, 5, M "/a", "");
    sim_call(&s, c, &b, PK_Z_NO_AUTH, NULL);
    take(M);
    sim_advance(&s, TICK_US);
    wire_create(&b, 6, M "/a", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
}

static void some_may_not_come(void **state)
{
    (void)state;
    struct core_mount m = fresh;
    static char path[16];
    m.path = "/storm";
    assert_int_equal(core_mount_add(s.core, &m), PK_EINVAL);
    m.path = M "/below";
    assert_int_equal(core_mount_add(s.core, &m), PK_EINVAL);
    m.path = "/zookeeper/quota";
    assert_int_equal(core_mount_add(s.core, &m), PK_EINVAL);
    m.path = path;
    for (int i = 1; i < PK_STORE_MOUNTS; i++) {
        snprintf(path, sizeof path, "/m%d", i);
        assert_int_equal(core_mount_add(s.core, &m), PK_OK);
    }
    m.path = "/more";
    assert_int_equal(core_mount_add(s.core, &m), PK_ELIMIT);
    sim_advance(&s, TICK_US);
    assert_int_equal(info_of("/m63").mode, PK_MODE_PACEMAKER);
}

/* Without a note of what is watched a mount cannot begin. */
static void not_without_holding(void **state)
{
    (void)state;
    assert_int_equal(core_mount_add(s.core, &fresh), PK_EINVAL);
}

static void memory_runs_out(void **state)
{
    (void)state;
    wire_read(&b, 9, PK_OP_EXISTS, "/new/w", true);
    sim_call(&s, other, &b, PK_Z_NO_NODE, NULL);
    sup_mem_fail(&s.mem, 1);
    assert_int_equal(core_mount_add(s.core, &fresh), PK_ENOMEM);
    add();
    for (int n = 1; info_of("/new").begins && n < 20; n++) {
        sup_mem_fail(&s.mem, (uint64_t)n);
        sim_advance(&s, TICK_US);
        sup_mem_fail(&s.mem, 0);
    }
    sim_advance(&s, TICK_US);
    assert_false(info_of("/new").begins);
    assert_false(creates_locally("/new/w"));
    sim_expect_event(&s, other, PK_EVENT_CREATED, "/new/w");
}

/* Who was stopped by a bound goes on when it is larger, and a smaller one holds from then on. */
static void limits_are_changed(void **state)
{
    (void)state;
    struct core_config config = sim_default_config;
    static char large[4000];
    memset(large, 'x', sizeof large - 1);
    config.max_frame = 2000;
    core_limits_set(s.core, &config);
    sim_step(&s, -1, PK_CONTINUE, NULL, 0);
    wire_create(&b, 5, "/large", large);
    sim_go(&s, other, &b);
    sim_expect_closed(&s, other, PK_CLOSE_MALFORMED_LENGTH);
    core_limits_set(s.core, &sim_default_config);
    wire_create(&b, 6, "/large", large);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    config = sim_default_config;
    config.client_high_water = 5000;
    core_limits_set(s.core, &config);
    s.conns[c].client.taking = SIM_NOTHING;
    for (int i = 0; i < 6; i++)
        wire_read(&b, 10 + i, PK_OP_GET_DATA, "/large", false);
    sim_go(&s, c, &b);
    assert_false(s.conns[c].uplink.reading);
    core_limits_set(s.core, &sim_default_config);
    s.conns[c].client.taking = SIM_WHOLE;
    sim_pump(&s);
    for (int i = 0; i < 6; i++)
        sim_expect(&s, c, 10 + i, PK_Z_OK, NULL);
    assert_true(s.conns[c].uplink.reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELD(a_new_mount_begins),
        HELD(it_waits_for_what_was_asked_before),
        HELD(watches_that_stand_are_heard),
        HELD(lasting_watches_above_are_heard),
        HELD(one_that_goes_is_handed_over),
        HELD(one_that_goes_may_be_in_a_hurry),
        HELD(one_that_is_gone_comes_back),
        HELD(a_policy_goes_with_its_mount),
        HELD(some_may_not_come),
        CASE(not_without_holding),
        HELD(memory_runs_out),
        HELD(limits_are_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
