/*
 * Who is on the way in to a server. Happy path: some at first; each answer makes room for two, and each of many that
 * come at the same moment for four, so that a server that gathers new sessions until its disk has the ones before soon
 * gets as many as it can gather. Failure modes: a server's queue of connections that it has not accepted holds 50, and
 * the kernel drops more for a second or three: only some begin at once, and then again when it has had time to accept
 * these; a connect that was dropped all the same is made again. All at once, as clients come without us, would leave
 * each waiting for all before it, longer than its patience: it would go to another server, and so would the next.
 * Answers that are slow therefore widen nothing; a server that refuses gets half as many. Who comes later begins anew:
 * nothing is known of the server's queue then.
 */
#include "io/upstream/arrive.h"

#include "io/loop/loop.h"

enum { PACE_MS = 10, QUICK_US = 100000, SLOW_US = 950000 };

/* What began this long ago has been accepted. */
static void note_time(struct pk_server *s)
{
    int64_t now_us = s->upstream->loop->now_us;
    if (now_us - s->begun_us < PACE_MS * 1000)
        return;
    s->begun_us = now_us;
    s->begun = 0;
}

/* More on their way have not made answers slow: neither as such, nor beside the quickest. Somebody who comes while the
 * disk has those before waits twice as long as the one who found it idle. */
static bool still_quick(struct pk_server *s, int64_t took_us)
{
    if (s->least_us == 0 || took_us < s->least_us)
        s->least_us = took_us;
    return took_us < SLOW_US && took_us <= (s->least_us > QUICK_US ? s->least_us : QUICK_US) * 5 / 2;
}

/*
 * So many more may be on their way for this answer. A server that takes new sessions one after the other answers them
 * so; what it gathers it answers at once, and how many it had to gather made none of them wait.
 */
static int room_for(struct pk_server *s)
{
    int64_t now_us = s->upstream->loop->now_us;
    if (now_us - s->answers_us >= PACE_MS * 1000) {
        s->answers_us = now_us;
        s->answers = 0;
    }
    return ++s->answers > PK_ARRIVALS ? 3 : 1;
}

static bool in_window(const struct pk_server *s)
{
    return s->arriving < PK_ARRIVALS_FIRST + s->wider;
}

static void pace(uv_timer_t *timer)
{
    struct pk_upstream *upstream = timer->data;
    pk_loop_clock(upstream->loop);
    pk_upstream_pace(upstream);
    upstream->settled(upstream->owner);
}

/* Where only time is missing, the timer brings it. */
static void go_later(struct pk_server *s)
{
    uv_timer_t *timer = &s->upstream->pace;
    if (s->upstream->closing || pk_entrants_empty(&s->queue) || !in_window(s) ||
        uv_is_active((uv_handle_t *)timer))
        return;
    uv_update_time(&s->upstream->loop->uv);
    uv_timer_start(timer, pace, PACE_MS, 0);
}

/* Each picks anew and may go elsewhere, so that one place may be for several. */
static void let_in(struct pk_server *s)
{
    note_time(s);
    while (!s->upstream->closing && in_window(s) && s->begun < PK_ARRIVALS &&
           pk_entrants_call_one(&s->queue, s->upstream->loop->now_us))
        continue;
    go_later(s);
}

void pk_arrivals_init(struct pk_upstream *upstream)
{
    uv_timer_init(&upstream->loop->uv, &upstream->pace);
    upstream->pace.data = upstream;
}

void pk_arrivals_close(struct pk_upstream *upstream)
{
    uv_close((uv_handle_t *)&upstream->pace, NULL);
}

bool pk_upstream_arrive(struct pk_upstream *upstream, int server, struct pk_waiter *wait, int64_t due_us)
{
    struct pk_server *s = &upstream->servers[server];
    note_time(s);
    if (in_window(s) && s->begun < PK_ARRIVALS) {
        s->arriving++;
        s->begun++;
        return true;
    }
    pk_entrants_add(&s->queue, wait, due_us, upstream->loop->now_us);
    go_later(s);
    return false;
}

void pk_upstream_arrived(struct pk_upstream *upstream, int server, int64_t since_us, bool answered)
{
    struct pk_server *s = &upstream->servers[server];
    s->arriving--;
    if (answered)
        s->heard_us = upstream->loop->now_us;
    if (answered && since_us >= s->begun_us && s->begun > 0)
        s->begun--;
    if (answered && still_quick(s, upstream->loop->now_us - since_us) && !pk_entrants_empty(&s->queue))
        s->wider += room_for(s);
    if (s->arriving == 0)
        s->wider = s->least_us = 0;
    let_in(s);
}

void pk_upstream_pace(struct pk_upstream *upstream)
{
    for (int i = 0; i < upstream->nservers; i++)
        let_in(&upstream->servers[i]);
}

bool pk_upstream_crowded(const struct pk_upstream *upstream, int server, int64_t since_us)
{
    return upstream->servers[server].heard_us > since_us;
}

void pk_server_narrow(struct pk_server *server)
{
    int half = (PK_ARRIVALS_FIRST + server->wider) / 2;
    server->wider = (half > PK_ARRIVALS ? half : PK_ARRIVALS) - PK_ARRIVALS_FIRST;
}
