/* How many arrive at a server at a time, who of those that wait comes first, and where they go when it fails. */
#include "io/upstream/arrive.h"
#include "io/upstream/choose.h"
#include "io/upstream/learn.h"
#include "upstream_fixture.h"

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

static void all_come(void)
{
    ways = begun_now = 0;
    for (int i = 0; i < CROWD; i++) {
        pk_waiter_init(&crowd[i].wait, enters);
        enters(&crowd[i].wait, false);
    }
}

/* Until all have an answer, after a time of its own and one more for each that is on its way; returns how long it took,
 * and the most that were on their way. */
static int64_t arrive_all(int64_t answer_us, int64_t each_us, int *most)
{
    int64_t start_us = loop.now_us;
    int heard = 0;
    *most = 0;
    all_come();
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
    /* Where answers are slow, more on their way would only make them slower: but for those who came before the first
     * answer, they are few. */
    assert_in_range(arrive_all(1000000, 0, &most), 15000000,
                    INT64_C(1000000) * (CROWD / PK_ARRIVALS_FIRST + 2));
    assert_in_range(most, PK_ARRIVALS_FIRST, PK_ARRIVALS_UNHEARD);
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
    *most = 0;
    all_come();
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

/* Once 4000 new sessions took 3.6 s where each fsync takes 400 ms, directly 2.4 s: the window grew with answers, and
 * the first of these took an fsync each. */
static void what_is_gathered_makes_more_room(void **state)
{
    int most = 0;
    (void)state;
    assert_in_range(arrive_at_a_disk(400000, &most), 0, 2500000);
    assert_in_range(most, 1000, PK_ARRIVALS_UNHEARD);
}

/* The same at a server that takes them one after the other, when it has not looked for a time. *most: who were on their
 * way in the end. */
static int64_t arrive_one_by_one(int64_t looks_after_us, int64_t each_us, int *most)
{
    int64_t start_us = loop.now_us, free_us = start_us + looks_after_us;
    int heard = 0;
    *most = 0;
    all_come();
    while (heard < CROWD) {
        assert_in_range(begun_now, 0, PK_ARRIVALS);
        begun_now = 0;
        loop.now_us += 10000;
        for (; heard < ways && loop.now_us >= free_us + each_us; heard++, free_us += each_us)
            pk_upstream_arrived(upstream, 1, on_the_way[heard]->since_us, true);
        if (heard > CROWD / 2)
            *most = ways - heard > *most ? ways - heard : *most;
        pk_upstream_pace(upstream);
    }
    return loop.now_us - start_us;
}

/* More on their way than it takes in a second gain nothing there, and would not go by their deadlines. */
static void one_after_the_other_is_a_small_window(void **state)
{
    int most = 0;
    (void)state;
    assert_in_range(arrive_one_by_one(0, 3333, &most), 0, INT64_C(3333) * CROWD * 11 / 10);
    assert_in_range(most, 24, 299);
    assert_in_range(arrive_one_by_one(400000, 1000, &most), 0, INT64_C(1000) * CROWD * 12 / 10);
    assert_in_range(most, 24, 1000);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        UPSTREAM(few_arrive_at_once),
        UPSTREAM(the_oldest_deadline_is_first),
        UPSTREAM(the_window_grows_with_the_answers),
        UPSTREAM(what_is_gathered_makes_more_room),
        UPSTREAM(one_after_the_other_is_a_small_window),
        UPSTREAM(a_full_queue_is_no_failure),
        UPSTREAM(a_server_that_refuses_gets_half),
        UPSTREAM(waiters_go_on_or_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
