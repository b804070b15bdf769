/* Which server a client is sent to, and what is learned from srvr, without a socket. */
#include <stdlib.h>
#include <unistd.h>

#include "io/loop/loop.h"
#include "io/upstream/arrive.h"
#include "io/upstream/choose.h"
#include "io/upstream/learn.h"
#include "io/upstream/names.h"
#include "tests/lib/support.h"

static struct pk_loop loop;
static struct pk_log logger;
static struct pk_upstream *upstream;
static struct pk_config config;

static int setup(void **state)
{
    (void)state;
    upstream = calloc(1, sizeof *upstream);
    pk_log_init(&logger, PK_LOG_ERROR, -1);
    loop = (struct pk_loop){.config = &config,
                            .log = &logger,
                            .instance = "0123456789abcdef0123456789abcdef",
                            .now_us = 1000000000};
    assert_int_equal(uv_loop_init(&loop.uv), 0);
    upstream->loop = &loop;
    pk_arrivals_init(upstream);
    upstream->random = 42;
    upstream->resolved_us = loop.now_us;
    pk_list_init(&upstream->nameless);
    pk_list_init(&upstream->unserved);
    pk_list_init(&upstream->homeless);
    upstream->nservers = 4;
    for (int i = 0; i < 4; i++) {
        struct pk_server *s = &upstream->servers[i];
        *s = (struct pk_server){.upstream = upstream, .names = 1, .state = PK_SERVER_UP};
        pk_list_init(&s->probes);
        pk_list_init(&s->waiters);
        pk_entrants_init(&s->queue);
        pk_list_init(&s->questions);
        pk_list_init(&s->asks);
        pk_list_init(&s->asks_next);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    upstream->closing = true;
    pk_arrivals_close(upstream);
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop.uv), 0);
    free(upstream);
    return 0;
}

/* How often each server is picked in 4000 times, for a client that has tried some. */
static void spread(uint64_t tried, int counts[4])
{
    memset(counts, 0, 4 * sizeof *counts);
    for (int i = 0; i < 4000; i++) {
        int server = -1;
        enum pk_pick pick = pk_upstream_pick(upstream, tried, &server);
        if (pick == PK_PICK_SERVER)
            counts[server]++;
    }
}

static void clients_are_spread(void **state)
{
    int counts[4];
    (void)state;
    spread(0, counts);
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 850, 1150);
    spread(5, counts);
    assert_int_equal(counts[0] + counts[2], 0);
    assert_in_range(counts[1], 1800, 2200);
    assert_int_equal(counts[1] + counts[3], 4000);
}

static void failed_servers_come_last(void **state)
{
    int counts[4];
    (void)state;
    pk_server_back_off(&upstream->servers[1]);
    upstream->servers[2].names = 0;
    upstream->servers[3].state = PK_SERVER_ITSELF;
    spread(0, counts);
    assert_int_equal(counts[0], 4000);
    spread(1, counts);
    assert_int_equal(counts[1], 4000);
    spread(3, counts);
    assert_int_equal(counts[0] + counts[1] + counts[2] + counts[3], 0);
    loop.now_us = upstream->servers[1].retry_us;
    spread(0, counts);
    assert_in_range(counts[1], 1800, 2200);
}

static void back_off_doubles_to_a_bound(void **state)
{
    struct pk_server *s = &upstream->servers[0];
    (void)state;
    for (int i = 0; i < 20; i++) {
        int64_t full = INT64_C(500000) << (i < 5 ? i : 5);
        full = full > 15000000 ? 15000000 : full;
        pk_server_back_off(s);
        assert_in_range(s->retry_us - loop.now_us, full / 2 - 1000, full);
        int64_t until = s->retry_us;
        pk_server_back_off(s);
        assert_int_equal(s->retry_us, until);
        loop.now_us = until;
    }
}

static void what_a_client_waits_for(void **state)
{
    int server = -1;
    (void)state;
    upstream->servers[2].state = PK_SERVER_UNASKED;
    assert_int_equal(pk_upstream_pick(upstream, 11, &server), PK_PICK_PROBE);
    assert_int_equal(server, 2);
    assert_int_equal(pk_upstream_pick(upstream, 15, &server), PK_PICK_NONE);
    upstream->lookups = 1;
    assert_int_equal(pk_upstream_pick(upstream, 15, &server), PK_PICK_NAMES);
}

static void answers_to_srvr(void **state)
{
    struct pk_server *s = upstream->servers;
    (void)state;
    for (int i = 0; i < 4; i++)
        s[i].state = PK_SERVER_UNASKED;
    pk_server_probed(&s[0], PK_PROBE_TEXT,
                     "Zookeeper version: 3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC\n"
                     "Latency min/avg/max: 0/0.0/0\nZxid: 0x2\nMode: read-only\nNode count: 6\n",
                     0);
    assert_int_equal(s[0].state, PK_SERVER_UP);
    assert_string_equal(s[0].version, "3.8.0");
    assert_string_equal(s[0].mode, "read-only");
    struct pk_ensemble_state ensemble = pk_upstream_state(upstream);
    assert_true(ensemble.read_only);
    assert_int_equal(ensemble.up, 1);
    pk_server_probed(&s[1], PK_PROBE_TEXT, "srvr is not executed because it is not in the whitelist.\n", 0);
    assert_int_equal(s[1].state, PK_SERVER_UP);
    assert_string_equal(s[1].version, "");
    assert_false(pk_upstream_state(upstream).read_only);
    pk_server_probed(&s[2], PK_PROBE_TEXT, "This ZooKeeper instance is not currently serving requests\n", 0);
    assert_int_equal(s[2].state, PK_SERVER_DOWN);
    pk_server_probed(&s[3], PK_PROBE_TEXT,
                     "Mode: proxy\nPacekeeper instance: 0123456789abcdef0123456789abcdef\n", 0);
    assert_int_equal(s[3].state, PK_SERVER_ITSELF);
    assert_int_equal(pk_upstream_state(upstream).servers, 3);
    pk_server_probed(&s[3], PK_PROBE_TEXT, "Mode: proxy\nPacekeeper instance: ffff\n", 0);
    assert_int_equal(s[3].state, PK_SERVER_UP);
    pk_server_probed(&s[0], PK_PROBE_SILENT, "", 0);
    pk_server_probed(&s[1], PK_PROBE_FAILED, "refused", 0);
    pk_server_probed(&s[3], PK_PROBE_CLOSED, "", 0);
    assert_int_equal(pk_upstream_state(upstream).up, 0);
    assert_true(pk_server_told(&s[0]) && pk_server_told(&s[1]));
}

static bool was_lost(int64_t answered_us)
{
    return pk_server_was_lost(&upstream->servers[0], answered_us, INT64_MAX);
}

/* What srvr says when it is asked now, and has counted so many packets. */
static void counts(int64_t begun_us, int received)
{
    char text[200];
    snprintf(text, sizeof text,
             "Zookeeper version: 3.8.0-1, built on 2024-12-29 17:54 UTC\nLatency min/avg/max: 0/0.0/0\n"
             "Received: %d\nSent: 7\nZxid: 0x200000001\nMode: follower\n",
             received);
    pk_server_probed(&upstream->servers[0], PK_PROBE_TEXT, text, begun_us);
}

/* An election that nothing was written since was over before the first question, and whoever had been there was closed
 * as if its session had ended. */
static void who_counts_anew_has_let_nobody_go(void **state)
{
    int64_t first_us = loop.now_us, second_us = first_us + 10000;
    (void)state;
    counts(first_us, 500);
    loop.now_us = second_us;
    counts(second_us, 900);
    assert_false(was_lost(0));
    loop.now_us += 10000;
    counts(loop.now_us, 3);
    assert_true(was_lost(first_us - 1));
    assert_true(was_lost(second_us - 1));
    loop.now_us += 10000;
    counts(loop.now_us, 4);
    assert_true(was_lost(first_us));
}

/* Who was answered between the two questions was closed with the others, if that was just now. */
static void who_came_in_between_was_lost_if_just_now(void **state)
{
    int64_t first_us = loop.now_us, came_us = first_us + 10000, second_us = came_us + 10000;
    (void)state;
    counts(first_us, 500);
    loop.now_us = second_us;
    counts(second_us, 3);
    assert_true(was_lost(came_us));
    assert_false(was_lost(second_us));
    loop.now_us += 10000; /* the question of those who were closed a little later */
    counts(loop.now_us, 4);
    assert_true(was_lost(came_us));
    assert_false(was_lost(second_us));
    loop.now_us += 1000000;
    counts(loop.now_us, 5);
    assert_false(was_lost(came_us));
    assert_true(was_lost(first_us - 1));
}

/* Of two questions at a time the answers may change places; one that does not tell is none that counts less. */
static void answers_that_changed_places_say_nothing(void **state)
{
    int64_t first_us = loop.now_us;
    (void)state;
    loop.now_us += 10000;
    counts(loop.now_us - 5000, 501);
    counts(first_us, 500);
    assert_false(was_lost(0));
    loop.now_us += 10000;
    pk_server_probed(&upstream->servers[0], PK_PROBE_TEXT, "srvr is not in the whitelist.\n", loop.now_us);
    pk_server_probed(&upstream->servers[0], PK_PROBE_CLOSED, "", loop.now_us);
    counts(loop.now_us, 502);
    assert_false(was_lost(0));
}

/* Whoever waits: how often it went on, and how often it was turned away. */
struct waiter {
    struct pk_waiter wait;
    int gone, away;
};

static void count(struct pk_waiter *wait, bool turned_away)
{
    struct waiter *waiter = PK_CONTAINER(wait, struct waiter, wait);
    waiter->gone++;
    waiter->away += turned_away;
}

static void few_arrive_at_once(void **state)
{
    struct waiter w = {0};
    (void)state;
    pk_waiter_init(&w.wait, count);
    for (int i = 0; i < PK_ARRIVALS; i++)
        assert_true(pk_upstream_arrive(upstream, 1, &w.wait, 0));
    assert_false(pk_upstream_arrive(upstream, 1, &w.wait, 0));
    assert_false(pk_entrants_empty(&upstream->servers[1].queue));
    assert_true(pk_upstream_arrive(upstream, 2, &w.wait, 0));
    pk_upstream_arrived(upstream, 1, loop.now_us, true);
    assert_true(pk_list_empty(&w.wait.list) && pk_entrants_empty(&upstream->servers[1].queue));
    assert_true(w.gone == 1 && w.away == 0);
    assert_true(pk_upstream_arrive(upstream, 1, &w.wait, 0));
    /* There is room on the way, but nobody knows yet that the others were accepted. */
    assert_false(pk_upstream_arrive(upstream, 1, &w.wait, 0));
    pk_upstream_pace(upstream);
    assert_int_equal(w.gone, 1);
    loop.now_us += 10000;
    pk_upstream_pace(upstream);
    assert_int_equal(w.gone, 2);
}

static int order[PK_ARRIVALS], norder;
static struct waiter *sessions;

static void note_order(struct pk_waiter *wait, bool turned_away)
{
    assert_false(turned_away);
    order[norder++] = (int)(PK_CONTAINER(wait, struct waiter, wait) - sessions);
}

/* Of those who wait, sessions that are held come first, and of these the one whose deadline does. */
static void the_oldest_deadline_is_first(void **state)
{
    static const int64_t due_s[] = {0, 12, 3, 30, 0, 5, 3};
    static const int expected[] = {2, 6, 5, 1, 3, 0, 4};
    enum { N = sizeof due_s / sizeof due_s[0] };
    struct waiter first = {0}, waiting[N] = {0};
    (void)state;
    sessions = waiting;
    norder = 0;
    pk_waiter_init(&first.wait, count);
    for (int i = 0; i < PK_ARRIVALS; i++)
        assert_true(pk_upstream_arrive(upstream, 1, &first.wait, 0));
    for (int i = 0; i < N; i++) {
        pk_waiter_init(&waiting[i].wait, note_order);
        int64_t due_us = due_s[i] != 0 ? loop.now_us + due_s[i] * 1000000 : 0;
        assert_false(pk_upstream_arrive(upstream, 1, &waiting[i].wait, due_us));
    }
    loop.now_us += 10000;
    pk_upstream_pace(upstream);
    assert_int_equal(norder, N);
    assert_memory_equal(order, expected, sizeof expected);
}

/* Many who arrive at server 1, whose answers take a time. */
enum { CROWD = 4000 };
static struct entrant {
    struct pk_waiter wait;
    int64_t since_us;
} crowd[CROWD];
static struct entrant *on_the_way[CROWD];
static int ways, begun_now;

static void enters(struct pk_waiter *wait, bool turned_away)
{
    struct entrant *e = PK_CONTAINER(wait, struct entrant, wait);
    assert_false(turned_away);
    if (!pk_upstream_arrive(upstream, 1, wait, 0))
        return;
    e->since_us = loop.now_us;
    on_the_way[ways++] = e;
    begun_now++;
}

/* Until all have an answer, after a time of its own and one more for each that is on its way; returns how long it took,
 * and the most that were on their way. */
static int64_t arrive_all(int64_t answer_us, int64_t each_us, int *most)
{
    int64_t start_us = loop.now_us;
    int heard = 0;
    ways = *most = begun_now = 0;
    for (int i = 0; i < CROWD; i++) {
        pk_waiter_init(&crowd[i].wait, enters);
        enters(&crowd[i].wait, false);
    }
    while (heard < CROWD) {
        assert_in_range(begun_now, 0, PK_ARRIVALS);
        *most = ways - heard > *most ? ways - heard : *most;
        begun_now = 0;
        loop.now_us += 10000;
        for (; heard < ways &&
               loop.now_us - on_the_way[heard]->since_us >= answer_us + (ways - heard) * each_us;
             heard++)
            pk_upstream_arrived(upstream, 1, on_the_way[heard]->since_us, true);
        pk_upstream_pace(upstream);
    }
    assert_int_equal(upstream->servers[1].arriving + upstream->servers[1].wider, 0);
    return loop.now_us - start_us;
}

/* Once 4000 new sessions took 50 s at a server whose answers take 400 ms, however many it could gather. */
static void the_window_grows_with_the_answers(void **state)
{
    int most = 0;
    (void)state;
    assert_in_range(arrive_all(400000, 0, &most), 0, 5000000);
    assert_in_range(most, 500, CROWD);
    /* Where answers are slow, more on their way would only make them slower. */
    assert_in_range(arrive_all(1000000, 0, &most), 0, INT64_C(1000000) * (CROWD / PK_ARRIVALS_FIRST + 2));
    assert_int_equal(most, PK_ARRIVALS_FIRST);
    /* Nor where each that is on its way makes them slower. */
    arrive_all(1000, 1000, &most);
    assert_in_range(most, 100, 500);
}

/* The same at a server that gathers sessions, 1000 at most, while its disk has those before. */
static int64_t arrive_at_a_disk(int64_t fsync_us, int *most)
{
    enum { GATHERED = 1000 };
    int64_t start_us = loop.now_us, done_us = 0;
    int heard = 0, on_disk = 0;
    ways = *most = begun_now = 0;
    for (int i = 0; i < CROWD; i++) {
        pk_waiter_init(&crowd[i].wait, enters);
        enters(&crowd[i].wait, false);
    }
    while (heard < CROWD) {
        if (on_disk == 0) {
            on_disk = heard == 0 ? 1 : ways - heard < GATHERED ? ways - heard : GATHERED;
            done_us = loop.now_us + fsync_us;
        }
        *most = ways - heard > *most ? ways - heard : *most;
        assert_in_range(begun_now, 0, PK_ARRIVALS);
        begun_now = 0;
        loop.now_us += 10000;
        for (; on_disk > 0 && loop.now_us >= done_us; on_disk--, heard++)
            pk_upstream_arrived(upstream, 1, on_the_way[heard]->since_us, true);
        pk_upstream_pace(upstream);
    }
    return loop.now_us - start_us;
}

/* Once 4000 new sessions took 4.9 s where each fsync takes 400 ms, directly 3.3 s: an answer made room for two. */
static void what_is_gathered_makes_more_room(void **state)
{
    int most = 0;
    (void)state;
    assert_in_range(arrive_at_a_disk(400000, &most), 0, 3700000);
    assert_in_range(most, 1000, CROWD);
    /* One that takes them one after the other, 300 a second, has no more than it takes within the least patience. */
    assert_in_range(arrive_all(0, 3333, &most), 0, INT64_C(3333) * CROWD * 11 / 10);
    assert_in_range(most, PK_ARRIVALS_FIRST, 299);
}

/* A connect that nobody answered in time, at a server that answers others: its queue was full, it is not dead. */
static void a_full_queue_is_no_failure(void **state)
{
    struct waiter w = {0};
    int64_t since_us = loop.now_us;
    (void)state;
    pk_waiter_init(&w.wait, count);
    for (int i = 0; i < 2; i++)
        assert_true(pk_upstream_arrive(upstream, 1, &w.wait, 0));
    assert_false(pk_upstream_crowded(upstream, 1, since_us));
    loop.now_us += 500000;
    pk_upstream_arrived(upstream, 1, since_us, true);
    assert_true(pk_upstream_crowded(upstream, 1, since_us));
    assert_false(pk_upstream_crowded(upstream, 1, loop.now_us));
    assert_false(pk_upstream_crowded(upstream, 2, since_us));
}

static void a_server_that_refuses_gets_half(void **state)
{
    struct pk_server *s = &upstream->servers[1];
    (void)state;
    s->wider = 1000 - PK_ARRIVALS_FIRST;
    pk_upstream_left(upstream, 1, PK_CLOSE_UPLINK_CLOSED_AT_ONCE);
    assert_int_equal(PK_ARRIVALS_FIRST + s->wider, 500);
    pk_upstream_failed(upstream, 1, "refused");
    assert_int_equal(PK_ARRIVALS_FIRST + s->wider, 250);
    for (int i = 0; i < 5; i++)
        pk_upstream_failed(upstream, 1, "refused");
    assert_int_equal(PK_ARRIVALS_FIRST + s->wider, PK_ARRIVALS);
}

static void waiters_go_on_or_elsewhere(void **state)
{
    struct waiter w[2] = {0};
    struct pk_server *s = &upstream->servers[1];
    (void)state;
    for (int i = 0; i < 2; i++)
        pk_waiter_init(&w[i].wait, count);
    s->state = PK_SERVER_UNASKED;
    pk_list_add_tail(&s->waiters, &w[0].wait.list);
    pk_server_probed(s, PK_PROBE_FAILED, "refused", 0);
    assert_int_equal(s->state, PK_SERVER_UNREACHED);
    assert_true(w[0].gone == 1 && w[0].away == 1);
    pk_list_add_tail(&s->waiters, &w[0].wait.list);
    pk_server_probed(s, PK_PROBE_CLOSED, "", 0);
    assert_int_equal(s->state, PK_SERVER_DOWN);
    assert_true(w[0].gone == 2 && w[0].away == 1);
    s->arriving = PK_ARRIVALS_FIRST;
    for (int i = 0; i < 2; i++)
        assert_false(pk_upstream_arrive(upstream, 1, &w[i].wait, 0));
    pk_upstream_failed(upstream, 1, "no connection in time");
    assert_true(w[0].away == 2 && w[1].away == 1 && pk_entrants_empty(&s->queue));
}

/* One name, which needs no lookup but when the test gives it addresses; nothing is probed. */
static struct pk_name *one_name(void)
{
    static const struct pk_hostport where = {.host = "10.0.0.0", .port = 2181};
    static struct pk_config waits = {.status_interval = 10000};
    upstream->closing = true;
    upstream->nservers = 0;
    loop.config = &waits;
    pk_upstream_name_add(upstream, &where);
    return upstream->names;
}

/* The name has the addresses 10.0.0.a and, unless 0, 10.0.0.b after so many seconds. */
static void becomes(struct pk_name *name, int seconds, uint32_t a, uint32_t b)
{
    struct sockaddr_in at[2] = {{.sin_family = AF_INET, .sin_port = htons(2181)}};
    at[1] = at[0];
    at[0].sin_addr.s_addr = htonl(0x0a000000 + a);
    at[1].sin_addr.s_addr = htonl(0x0a000000 + b);
    struct addrinfo second = {.ai_addr = (struct sockaddr *)&at[1]};
    struct addrinfo first = {.ai_addr = (struct sockaddr *)&at[0], .ai_next = b != 0 ? &second : NULL};
    loop.now_us += INT64_C(1000000) * seconds;
    pk_upstream_name_has(upstream, name, &first);
    pk_upstream_names_tick(upstream);
}

/* Once addresses kept their places for ever: the 65th was not used. */
static void an_address_that_stays_lost_is_left(void **state)
{
    struct pk_name *name = one_name();
    (void)state;
    for (uint32_t n = 1; n < 200; n++) {
        becomes(name, 1, n, 0);
        int last = -1;
        for (int i = 0; i < upstream->nservers; i++)
            if (upstream->servers[i].names != 0)
                last = i;
        assert_int_equal(ntohl(upstream->servers[last].address.v4.sin_addr.s_addr), 0x0a000000 + n);
        assert_false(pk_upstream_was_left(upstream, last));
        becomes(name, 29, n, 0);
        upstream->leaving = false;
        becomes(name, 2, n, 0);
        assert_true(upstream->leaving);
    }
    assert_int_equal(upstream->nservers, PK_MAX_ADDRESSES);
}

/* Some of many at a time: none is left, however long it is away this time. */
static void addresses_in_turn_are_not_left(void **state)
{
    struct pk_name *name = one_name();
    (void)state;
    becomes(name, 0, 1, 2);
    becomes(name, 10, 2, 3);
    becomes(name, 10, 3, 1);
    becomes(name, 600, 3, 0);
    becomes(name, 600, 3, 0);
    assert_false(upstream->leaving);
    becomes(name, 3600, 3, 0);
    assert_true(upstream->leaving);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clients_are_spread, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_servers_come_last, setup, teardown),
        cmocka_unit_test_setup_teardown(back_off_doubles_to_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_client_waits_for, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_to_srvr, setup, teardown),
        cmocka_unit_test_setup_teardown(who_counts_anew_has_let_nobody_go, setup, teardown),
        cmocka_unit_test_setup_teardown(who_came_in_between_was_lost_if_just_now, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_that_changed_places_say_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(few_arrive_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_deadline_is_first, setup, teardown),
        cmocka_unit_test_setup_teardown(the_window_grows_with_the_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_gathered_makes_more_room, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_is_no_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_refuses_gets_half, setup, teardown),
        cmocka_unit_test_setup_teardown(waiters_go_on_or_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_that_stays_lost_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_in_turn_are_not_left, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
