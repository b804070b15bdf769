/* Which server a client is sent to, and what is learned from srvr, without a socket. */
#include <stdlib.h>
#include <unistd.h>

#include "io/upstream/choose.h"
#include "io/upstream/learn.h"
#include "io/upstream/names.h"
#include "upstream_fixture.h"

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

/* A question that began in the very microsecond in which the one before was answered was taken for one beside it. */
static void a_question_that_follows_at_once_is_compared(void **state)
{
    (void)state;
    counts(loop.now_us, 500);
    counts(loop.now_us, 3);
    assert_true(was_lost(loop.now_us - 1));
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
        UPSTREAM(clients_are_spread),
        UPSTREAM(failed_servers_come_last),
        UPSTREAM(back_off_doubles_to_a_bound),
        UPSTREAM(what_a_client_waits_for),
        UPSTREAM(answers_to_srvr),
        UPSTREAM(who_counts_anew_has_let_nobody_go),
        UPSTREAM(who_came_in_between_was_lost_if_just_now),
        UPSTREAM(answers_that_changed_places_say_nothing),
        UPSTREAM(a_question_that_follows_at_once_is_compared),
        UPSTREAM(an_address_that_stays_lost_is_left),
        UPSTREAM(addresses_in_turn_are_not_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
