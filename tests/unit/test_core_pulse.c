/*
 * Clients of Pacemaker's protocol: their messages on the same store, what ZooKeeper's clients see of them, and the
 * ensemble behind. Once the ensemble has been asked about a topology, beats cost it nothing.
 */
#include <stdio.h>

#include "tests/sim/pulse_fixture.h"

static int64_t writes(void)
{
    return (int64_t)s.zk.writes;
}

/* ---- pulses are znodes ---- */

static void a_first_pulse_makes_its_parents_in_memory(void **state)
{
    int64_t before = writes();
    struct sim_frame f;
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n-1", "one");
    assert_null(upstream(M "/t"));
    assert_int_equal(st()->znodes, 2);
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n-2", "two");
    assert_int_equal(st()->pulses_asked, 1);
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n-1", "one again");
    assert_int_equal(writes(), before);
    wire_read(&b, 1, PK_OP_GET_DATA, M "/t/n-1", false);
    sim_call(&s, c, &b, 0, &f);
    sim_expect_data(&f, "one again");
    assert_int_equal(sim_stat(&f).version, 1);
    wire_read(&b, 2, PK_OP_GET_CHILDREN, M "/t", false);
    sim_call(&s, c, &b, 0, &f);
    assert_string_equal(sim_names(&f), "n-2 n-1");
}

static void a_beat_that_is_held_asks_nobody(void **state)
{
    uint64_t asked;
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "0");
    asked = s.zk.writes + (uint64_t)st()->requests_relayed;
    for (int i = 0; i < 100; i++) {
        pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "1");
        pulse_expect_details("/workerbeats/t/n", "1");
    }
    assert_int_equal(s.zk.writes + (uint64_t)st()->requests_relayed, asked);
    assert_int_equal(st()->pulses_asked, 1);
}

static void what_zookeepers_clients_wrote_is_a_pulse(void **state)
{
    (void)state;
    sim_local_create(&s, c, M "/t", "\7");
    sim_local_create(&s, c, M "/t/n", "beat");
    pulse_expect_details("/workerbeats/t/n", "beat");
    assert_true(pulse_call(PK_PULSE_EXISTS, "/workerbeats/t/n", NULL).boolval);
    pulse_expect_nodes("/workerbeats", "t");
    pulse_expect_nodes("/workerbeats/t/", "n");
    pulse_expect_nodes("/", "workerbeats");
    pulse_expect_nodes("", "workerbeats");
    assert_int_equal(sim_direct_create(&s, M "/t2", "\7"), 0);
    assert_int_equal(sim_direct_create(&s, M "/t2/n", "upstream"), 0);
    pulse_expect_details("/workerbeats/t2/n", "upstream");
    assert_true(pulse_call(PK_PULSE_EXISTS, "/workerbeats/t2/n", NULL).boolval);
    pulse_expect_nodes("/workerbeats/t2", "n");
    pulse_expect_nodes("/workerbeats", "t2 t");
}

static void what_is_not_there_is_no_error(void **state)
{
    (void)state;
    pulse_expect_details("/workerbeats/t/n", NULL);
    assert_false(pulse_call(PK_PULSE_EXISTS, "/workerbeats/t/n", NULL).boolval);
    pulse_expect_nodes("/workerbeats/t", "");
    pulse_expect_nodes("/workerbeats", "");
    pulse_expect_nodes("/", "");
    pulse_call(PK_PULSE_DELETE, "/workerbeats/t", NULL);
    pulse_call(PK_PULSE_DELETE_ID, "/workerbeats/t/n", NULL);
    pulse_call(PK_PULSE_CREATE_PATH, "/workerbeats/t", NULL);
    assert_int_equal(pulse_call(PK_PULSE_GET_ALL, "/workerbeats/t", NULL).data, PK_PULSE_NOTHING);
    assert_int_equal(st()->znodes, 0);
}

static void parents_are_no_pulses_and_go_with_the_last_one(void **state)
{
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    assert_false(pulse_call(PK_PULSE_EXISTS, "/workerbeats/t", NULL).boolval);
    pulse_expect_details("/workerbeats/t", NULL);
    pulse_call(PK_PULSE_DELETE_ID, "/workerbeats/t", NULL);
    pulse_expect_nodes("/workerbeats", "t");
    pulse_call(PK_PULSE_SEND, "/workerbeats/t", "itself");
    pulse_call(PK_PULSE_DELETE_ID, "/workerbeats/t", NULL);
    pulse_expect_details("/workerbeats/t", NULL);
    pulse_expect_details("/workerbeats/t/n", "x");
    pulse_call(PK_PULSE_DELETE_ID, "/workerbeats/t/n", NULL);
    assert_int_equal(st()->znodes, 0);
    pulse_expect_nodes("/workerbeats", "");
}

static void a_topology_goes_as_a_whole(void **state)
{
    char path[64];
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t-10/n", "stays");
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "/workerbeats/t-1/n-%d", i);
        pulse_put(PK_PULSE_SEND, i, path, "x");
    }
    sim_go(&s, p, &b);
    for (int i = 0; i < 3000; i++)
        pulse_expect(p, PK_PULSE_SEND + 1, i);
    assert_int_equal(st()->znodes, 3003);
    pulse_call(PK_PULSE_DELETE, "/workerbeats/t-1", NULL);
    assert_int_equal(st()->znodes, 2);
    pulse_expect_details("/workerbeats/t-10/n", "stays");
}

/* Local children below a topology of the ensemble, children of the ensemble's, and one level more. */
static void a_topology_of_the_ensemble_goes_too(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, M "/t", "\7"), 0);
    assert_int_equal(sim_direct_create(&s, M "/t/a", "1"), 0);
    assert_int_equal(sim_direct_create(&s, M "/t/a/deep", "1"), 0);
    assert_int_equal(sim_direct_create(&s, M "/t/b", "1"), 0);
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/local", "2");
    assert_null(upstream(M "/t/local"));
    pulse_call(PK_PULSE_DELETE, "/workerbeats/t/", NULL);
    assert_null(upstream(M "/t"));
    assert_int_equal(st()->znodes, 0);
    pulse_expect_nodes("/workerbeats", "");
}

static void everything_goes_but_the_mount(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_create(&s, M "/t", "\7"), 0);
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/local", "2");
    pulse_call(PK_PULSE_SEND, "/workerbeats/u/local", "2");
    pulse_call(PK_PULSE_DELETE, "/", NULL);
    assert_int_equal(st()->znodes, 0);
    assert_null(upstream(M "/t"));
    assert_non_null(upstream(M));
}

static void the_mount_is_made_where_it_is_missing(void **state)
{
    (void)state;
    assert_int_equal(sim_direct_delete(&s, M), 0);
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    assert_non_null(upstream(M));
    assert_null(upstream(M "/t"));
    pulse_expect_details("/workerbeats/t/n", "x");
}

/* ---- what the ensemble has: cached, and written back ---- */

static void a_pulse_that_the_ensemble_has_is_cached(void **state)
{
    struct sim_frame f;
    (void)state;
    assert_int_equal(sim_direct_create(&s, M "/t", "\7"), 0);
    assert_int_equal(sim_direct_create(&s, M "/t/n", "0"), 0);
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "1");
    expect_upstream(M "/t/n", "1", 1);
    int64_t before = writes();
    for (int i = 0; i < 10; i++)
        pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "2");
    assert_int_equal(writes(), before);
    assert_int_equal(st()->dirty, 1);
    pulse_expect_details("/workerbeats/t/n", "2");
    wire_read(&b, 1, PK_OP_GET_DATA, M "/t/n", false);
    sim_call(&s, c, &b, 0, &f);
    sim_expect_data(&f, "2");
    assert_int_equal(sim_stat(&f).version, 11);
    sim_advance(&s, 180 * 1000000); /* nobody beats: the lane goes, what it wrote stays */
    expect_upstream(M "/t/n", "2", 11);
    assert_int_equal(st()->dirty, 0);
    assert_int_equal(sim_service(&s), -1);
}

static void a_watched_pulse_is_told_to_watchers(void **state)
{
    (void)state;
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "1");
    sim_watch(&s, c, 7, M "/t/n");
    sim_expect(&s, c, 7, 0, NULL);
    assert_non_null(upstream(M "/t/n"));
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "2");
    sim_expect_event(&s, c, PK_EVENT_DATA_CHANGED, M "/t/n");
    pulse_expect_details("/workerbeats/t/n", "2");
}

static void what_the_ensemble_refuses_is_not_authorized(void **state)
{
    (void)state;
    allow_upstream(M, PK_PERM_READ);
    pulse_put(PK_PULSE_SEND, 5, "/workerbeats/t/n", "x");
    pulse_put(PK_PULSE_GET, 6, "/workerbeats/t/n", NULL);
    sim_go(&s, p, &b);
    pulse_expect(p, PK_PULSE_NOT_AUTHORIZED, 5);
    pulse_expect(p, PK_PULSE_GET + 1, 6);
    assert_int_equal(st()->pulses_refused, 1);
}

/* Messages are judged by the policy of the mount, whether memory answers or the ensemble is asked. */
static void who_may_not_is_not_authorized(void **state)
{
    (void)state;
    static const struct core_who nimbus[] = {{.scheme = "sasl", .id = "nimbus", .upstream = true}},
                                 anyone[] = {{.scheme = "world", .id = "anyone", .upstream = true}};
    const struct core_policy reads = {.readers = nimbus, .nreaders = 1, .writers = anyone, .nwriters = 1},
                             alone = {.readers = nimbus, .nreaders = 1, .writers = nimbus, .nwriters = 1};
    static const int readers[] = {PK_PULSE_EXISTS, PK_PULSE_GET, PK_PULSE_LIST},
                     writers[] = {PK_PULSE_SEND, PK_PULSE_DELETE, PK_PULSE_DELETE_ID};
    static const char *const paths[] = {"/workerbeats/t/n", "/workerbeats/t/none", "/workerbeats", "/"};
    struct core_mount mount = sim_default_config.mounts[0];
    mount.policy = &reads;
    assert_int_equal(core_mount_set(s.core, 0, &mount), PK_OK);
    pulse_call(PK_PULSE_SEND, "/workerbeats/t/n", "x");
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 4; k++) {
            pulse_put(readers[i], 7, paths[k], NULL);
            sim_go(&s, p, &b);
            pulse_expect(p, PK_PULSE_NOT_AUTHORIZED, 7);
        }
    assert_int_equal(st()->requests_denied, 12);
    pulse_call(PK_PULSE_DELETE_ID, "/workerbeats/t/none", NULL);
    mount.policy = &alone;
    assert_int_equal(core_mount_set(s.core, 0, &mount), PK_OK);
    for (int i = 0; i < 3; i++) {
        pulse_put(writers[i], 8, "/workerbeats/t/n", "y");
        sim_go(&s, p, &b);
        pulse_expect(p, PK_PULSE_NOT_AUTHORIZED, 8);
    }
    assert_int_equal(core_identify(s.core, s.conns[p].id, "sasl", "nimbus"), PK_OK);
    pulse_expect_details("/workerbeats/t/n", "x");
    pulse_expect_nodes("/workerbeats", "t");
    pulse_call(PK_PULSE_SEND, "/workerbeats/u/n", "y");
    pulse_call(PK_PULSE_DELETE, "/workerbeats/t", NULL);
}

static void what_can_be_no_znode_is_not_kept(void **state)
{
    static const char *const never[] = {"workerbeats/t",
                                        "/other/t",
                                        "/workerbeats",
                                        "/workerbeats/t/",
                                        "/workerbeats//t",
                                        "/workerbeats/../t",
                                        "",
                                        "/",
                                        "/workerbeatsX/t"};
    (void)state;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        pulse_put(PK_PULSE_SEND, (int)i, never[i], "x");
        pulse_put(PK_PULSE_GET, 100, never[i], NULL);
        pulse_put(PK_PULSE_EXISTS, 101, never[i], NULL);
        pulse_put(PK_PULSE_DELETE_ID, 102, never[i], NULL);
        sim_go(&s, p, &b);
        pulse_expect(p, PK_PULSE_NOT_AUTHORIZED, (int)i);
        assert_null(pulse_expect(p, PK_PULSE_GET + 1, 100).details.p);
        assert_false(pulse_expect(p, PK_PULSE_EXISTS + 1, 101).boolval);
        pulse_expect(p, PK_PULSE_DELETE_ID + 1, 102);
    }
    assert_int_equal(st()->pulses_asked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PULSE(a_first_pulse_makes_its_parents_in_memory),
        PULSE(a_beat_that_is_held_asks_nobody),
        PULSE(what_zookeepers_clients_wrote_is_a_pulse),
        PULSE(what_is_not_there_is_no_error),
        PULSE(parents_are_no_pulses_and_go_with_the_last_one),
        PULSE(a_topology_goes_as_a_whole),
        PULSE(a_topology_of_the_ensemble_goes_too),
        PULSE(everything_goes_but_the_mount),
        PULSE(the_mount_is_made_where_it_is_missing),
        PULSE(a_pulse_that_the_ensemble_has_is_cached),
        PULSE(a_watched_pulse_is_told_to_watchers),
        PULSE(what_the_ensemble_refuses_is_not_authorized),
        PULSE(who_may_not_is_not_authorized),
        PULSE(what_can_be_no_znode_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
