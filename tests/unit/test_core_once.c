/*
 * A request is counted once, its decision stands, and it is judged again only when what it waits for is over. Each was
 * once otherwise: a request that woke up was judged from the start, and every end of anything woke everybody.
 */
#include "tests/sim/core_fixture.h"

static void a_flush_is_counted_once(void **state)
{
    (void)state;
    static const char *const paths[] = {M "/v", M "/w"};
    int asks = sim_connect(&s, 10000), writers[] = {c, other};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sim_direct_create(&s, paths[i], ""), PK_Z_OK);
        sim_beats(&s, writers[i], paths[i], 1);
        sim_beats(&s, writers[i], paths[i], 2);
        s.conns[writers[i]].hold = true;
    }
    assert_int_equal(st()->dirty, 2);
    size_t mark = wire_multi(&b, 3, PK_OP_MULTI);
    for (int i = 0; i < 2; i++)
        wire_multi_set(&b, paths[i], "multi", 3);
    wire_multi_end(&b, mark);
    sim_go(&s, asks, &b);
    for (int i = 0; i < 2; i++)
        sim_release(&s, writers[i], 4);
    sim_expect(&s, asks, 3, PK_Z_OK, NULL);
    expect_upstream(M "/v", "multi", 4);
    assert_int_equal(st()->requests_flushed, 1);
}

/* Its parent is promoted for it, which makes room; it was once absorbed then, and counted as relayed too. */
static void a_bound_is_met_once(void **state)
{
    (void)state;
    struct core_mount mount = {
        .path = M, .mode = PK_MODE_PACEMAKER, .max_znodes = 1, .max_bytes = 1000, .max_znode = 100};
    core_restart(&mount);
    sim_local_create(&s, c, M "/a", "");
    wire_create(&b, 2, M "/a/b", "");
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    assert_non_null(upstream(M "/a/b"));
    assert_int_equal(st()->bound_local_creates, 1);
    assert_int_equal(st()->local_creates, 1);
    assert_int_equal(st()->znodes, 0);
}

/* A request waits for one promotion; another one ends. */
static void an_end_wakes_who_waits_for_it(void **state)
{
    (void)state;
    int third = sim_connect(&s, 10000), both[] = {other, third};
    static const char *const paths[] = {M "/v", M "/w"};
    for (int i = 0; i < 2; i++) {
        sim_local_create(&s, both[i], paths[i], "");
        sim_beats(&s, both[i], paths[i], 300); /* too much for one batch */
    }
    s.service_hold = true;
    sim_watch(&s, other, 3, M "/v");
    sim_watch(&s, third, 3, M "/w");
    uint64_t updates = s.conns[third].updates;
    sim_release(&s, sim_service(&s), 1);
    sim_expect(&s, other, 3, PK_Z_OK, NULL);
    assert_int_equal(s.conns[third].updates, updates);
    sim_release(&s, sim_service(&s), 1);
    sim_expect(&s, third, 3, PK_Z_OK, NULL);
    assert_true(s.conns[third].updates > updates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_flush_is_counted_once),
        CASE(a_bound_is_met_once),
        CASE(an_end_wakes_who_waits_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
