/*
 * Servers that lag behind what was promoted for a watch: a watch tells of what comes after its answer, and of nothing
 * else. On an ensemble of several servers, of which the client's has applied nothing for a while.
 */
#include "tests/sim/core_fixture.h"
#include "tests/sim/ensemble_uplink.h"

enum { SERVERS = 3 };

static struct ensemble e;
static struct sim_ground g;
static int lagging; /* the server of c, at which neither the service session nor other is */

static int server_of(int who)
{
    return g.at[who].server;
}

static int setup(void **state)
{
    (void)state;
    sim_init(&s, &sim_default_config);
    ensemble_init(&e, SERVERS, false);
    sim_ground_init(&g, &s, &e);
    ensemble_time(&e, sim_wall_ms(&s));
    other = sim_connect(&s, 10000);
    sim_local_create(&s, other, M "/first", "");
    wire_read(&b, 1, PK_OP_EXISTS, M "/first", true);
    sim_call(&s, other, &b, PK_Z_OK, NULL); /* so that there is a service session */
    do {
        c = sim_connect(&s, 10000);
        lagging = server_of(c);
    } while (lagging == e.leader || lagging == server_of(sim_service(&s)) || lagging == server_of(other));
    wire_read(&b, 1, PK_OP_EXISTS, "/storm", false);
    sim_call(&s, c, &b, PK_Z_OK, NULL);
    e.servers[lagging].lags = true;
    sim_local_create(&s, other, M "/x", "");
    return 0;
}

static int teardown(void **state)
{
    core_teardown(state);
    ensemble_free(&e);
    return 0;
}
#define LAGS(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The request watches; what was there before is no news. */
static void expect_no_event(int xid)
{
    struct sim_frame f;
    sim_go(&s, c, &b);
    while (e.servers[lagging].applied < e.nlog) {
        ensemble_apply(&e, lagging, 1);
        sim_pump(&s);
    }
    sim_expect(&s, c, xid, PK_Z_OK, NULL);
    e.servers[lagging].lags = false;
    sim_advance(&s, 1000000);
    assert_false(sim_frame(&s, c, &f));
    assert_non_null(tree_find(ensemble_tree(&e), M "/x"));
}

/* Once their children were told as new that had been promoted for the watch itself. */
static void who_lists_and_watches(void **state)
{
    (void)state;
    wire_read(&b, 2, PK_OP_GET_CHILDREN, M, true);
    expect_no_event(2);
}

static void who_watches_for_good(void **state)
{
    (void)state;
    wire_add_watch(&b, 2, M, PK_WATCH_PERSISTENT);
    expect_no_event(2);
}

static void who_watches_all_below(void **state)
{
    (void)state;
    wire_add_watch(&b, 2, M, PK_WATCH_PERSISTENT_RECURSIVE);
    expect_no_event(2);
}

static void who_watches_above_the_mount(void **state)
{
    (void)state;
    wire_add_watch(&b, 2, "/storm", PK_WATCH_PERSISTENT_RECURSIVE);
    expect_no_event(2);
}

/* Once those were missing in its list that had been promoted for it. */
static void who_lists_in_a_multi_read(void **state)
{
    (void)state;
    struct sim_frame f;
    size_t mark = wire_multi(&b, 2, PK_OP_MULTI_READ);
    wire_multi_read(&b, PK_OP_GET_CHILDREN, M);
    wire_multi_end(&b, mark);
    sim_go(&s, c, &b);
    while (e.servers[lagging].applied < e.nlog) {
        ensemble_apply(&e, lagging, 1);
        sim_pump(&s);
    }
    sim_expect(&s, c, 2, PK_Z_OK, &f);
    assert_int_equal(sup_be32(f.body + PK_MULTI_HEADER), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAGS(who_lists_and_watches),       LAGS(who_watches_for_good),      LAGS(who_watches_all_below),
        LAGS(who_watches_above_the_mount), LAGS(who_lists_in_a_multi_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
