/*
 * Lost or not. Happy path: a server that was killed refuses at once, and its clients go to one that has just answered.
 * Failure modes: a server that closes is asked again after 50 ms, twice; one that is asked already is asked once more
 * for those who came later; without memory for a question it is asked again with the next tick of the timer.
 */
#include "io/upstream/verdict.h"

#include <string.h>

#include "io/loop/loop.h"
#include "io/upstream/learn.h"
#include "io/upstream/urgent.h"

enum { AGAIN_MS = 50, CLOSED_MAX = 2, SETTLE_US = 20000, PATIENCE_MIN_MS = 300, PATIENCE_MAX_MS = 1000 };

static void run_timer(struct pk_upstream *upstream);

static bool begin(struct pk_server *s);

static void tell(struct pk_server *s, bool lost)
{
    struct pk_upstream *upstream = s->upstream;
    struct pk_list asks;
    pk_list_take(&s->asks, &asks);
    s->closed = 0;
    if (!pk_list_empty(&s->asks_next) && !begin(s))
        run_timer(upstream);
    while (pk_waiters_call_one(&asks, lost))
        continue;
}

static void answered(void *owner, enum pk_probe_result result, const char *text, int64_t begun_us)
{
    struct pk_server *s = owner;
    struct pk_upstream *upstream = s->upstream;
    pk_loop_clock(upstream->loop);
    if (result == PK_PROBE_CLOSED && s->closed < CLOSED_MAX) {
        s->closed++;
        run_timer(upstream);
        return;
    }
    pk_server_probed(s, result, text, begun_us);
    bool serves = result == PK_PROBE_TEXT ? pk_server_serves(s) : result == PK_PROBE_CLOSED;
    tell(s, !serves);
    upstream->settled(upstream->owner);
}

/* Asks for all that wait; false when that cannot be now. */
static bool begin(struct pk_server *s)
{
    struct pk_loop *loop = s->upstream->loop;
    pk_server_asks(s);
    if (s->upstream->closing ||
        !pk_probe_start(loop, &s->address.any, pk_server_host(s), s->patience_ms, answered, s, &s->questions))
        return false;
    s->asked_us = loop->now_us;
    while (!pk_list_empty(&s->asks_next)) {
        struct pk_list *at = s->asks_next.next;
        pk_list_del(at);
        pk_list_add_tail(&s->asks, at);
    }
    return true;
}

static bool is_due(const struct pk_server *s)
{
    return pk_list_empty(&s->questions) && (!pk_list_empty(&s->asks) || !pk_list_empty(&s->asks_next));
}

static void again(uv_timer_t *timer)
{
    struct pk_upstream *upstream = timer->data;
    bool more = false;
    pk_loop_clock(upstream->loop);
    for (int i = 0; i < upstream->nservers; i++)
        if (is_due(&upstream->servers[i]))
            more |= !begin(&upstream->servers[i]);
    pk_waiters_call(&upstream->homeless, false);
    if (more || !pk_list_empty(&upstream->homeless))
        run_timer(upstream);
    upstream->settled(upstream->owner);
}

static void run_timer(struct pk_upstream *upstream)
{
    if (upstream->closing || uv_is_active((uv_handle_t *)&upstream->verdicts))
        return;
    uv_update_time(&upstream->loop->uv);
    uv_timer_start(&upstream->verdicts, again, AGAIN_MS, 0);
}

void pk_verdicts_init(struct pk_upstream *upstream)
{
    pk_list_init(&upstream->homeless);
    uv_timer_init(&upstream->loop->uv, &upstream->verdicts);
    upstream->verdicts.data = upstream;
}

void pk_verdicts_close(struct pk_upstream *upstream)
{
    uv_close((uv_handle_t *)&upstream->verdicts, NULL);
}

/* What was asked a moment ago is about to be answered. */
static void ask_all(struct pk_upstream *upstream)
{
    for (int i = 0; i < upstream->nservers; i++) {
        struct pk_server *s = &upstream->servers[i];
        if (pk_server_usable(s) && upstream->loop->now_us - s->asked_us > SETTLE_US)
            pk_server_probe_again(s);
    }
}

void pk_verdict_wait(struct pk_upstream *upstream, int server, int64_t patience_ms, struct pk_waiter *wait)
{
    struct pk_server *s = &upstream->servers[server];
    s->patience_ms = patience_ms < PATIENCE_MIN_MS   ? PATIENCE_MIN_MS
                     : patience_ms > PATIENCE_MAX_MS ? PATIENCE_MAX_MS
                                                     : patience_ms;
    pk_list_add_tail(&s->asks_next, &wait->list);
    if (pk_list_empty(&s->questions) && s->closed == 0 && !begin(s))
        run_timer(upstream);
    ask_all(upstream);
}

static bool may_take(const struct pk_server *s, int64_t lost_us)
{
    return s->names != 0 && s->state == PK_SERVER_UP && strcmp(s->mode, "read-only") != 0 &&
           s->served_us >= lost_us;
}

int pk_verdict_pick(struct pk_upstream *upstream, uint64_t tried, int64_t lost_us)
{
    int chosen = -1, best = 0;
    uint64_t candidates = 0;
    for (int i = 0; i < upstream->nservers; i++) {
        const struct pk_server *s = &upstream->servers[i];
        int rank = s->retry_us <= upstream->loop->now_us ? 2 : 1;
        if (!may_take(s, lost_us) || (tried >> i & 1) || rank < best)
            continue;
        if (rank > best)
            candidates = 0;
        best = rank;
        if (pk_upstream_roll(upstream) % ++candidates == 0)
            chosen = i;
    }
    return chosen;
}

void pk_verdict_wait_any(struct pk_upstream *upstream, struct pk_waiter *wait)
{
    pk_list_add_tail(&upstream->homeless, &wait->list);
    ask_all(upstream);
    pk_urgent_begin(upstream);
    run_timer(upstream);
}
