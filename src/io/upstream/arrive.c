/*
 * Who is on the way in to a server. Happy path: some at first; each answer makes room for two, and each of many that
 * come at the same moment for four, so that a server that gathers new sessions until its disk has the ones before soon
 * gets as many as it can gather. Before its first answer nobody knows whether it gathers, and more may come: it would
 * have nothing to gather otherwise, twice. Failure modes: a server's queue of connections that it has not accepted
 * holds 50, and the kernel drops more for a second or three: only some begin at once, and others as it has had time to
 * accept these; a connect that was dropped all the same is made again. All at once, as clients come without us, would
 * leave each waiting for all before it, and those whose sessions are held behind those who have time. Answers that are
 * slow therefore widen nothing, and take away what others have widened; a server that refuses gets half as many. Who
 * comes later begins anew: nothing is known of the server's queue then.
 */
#include "io/upstream/arrive.h"

#include "io/loop/loop.h"

enum {
    PACE_MS = 4,
    ACCEPT_US = 416, /* for each that began, until the server has accepted it */
    MOMENT_US = 10000,
    QUICK_US = 100000,
    SLOW_US = 950000,
    UNHEARD_US = 500000,
};

/* Who began a while ago has been accepted. */
static void note_time(struct pk_server *s)
{
    int64_t accepted = (s->upstream->loop->now_us - s->begun_us) / ACCEPT_US;
    if (accepted >= s->begun) {
        s->begun_us = s->upstream->loop->now_us;
        s->begun = 0;
        return;
    }
    s->begun_us += accepted * ACCEPT_US;
    s->begun -= (int)accepted;
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
    if (now_us - s->answers_us >= MOMENT_US) {
        s->answers_us = now_us;
        s->answers = 0;
    }
    return ++s->answers > PK_ARRIVALS ? 3 : 1;
}

/* Nobody on the way has had an answer: the server gathers them, or it hangs and makes whoever is there wait. */
static bool unheard(const struct pk_server *s)
{
    return s->heard_us < s->first_us;
}

static int window(const struct pk_server *s)
{
    bool open = unheard(s) && s->wider >= 0 && s->upstream->loop->now_us - s->first_us < UNHEARD_US;
    return open ? PK_ARRIVALS_UNHEARD : PK_ARRIVALS_FIRST + s->wider;
}

static bool in_window(const struct pk_server *s)
{
    return s->arriving < window(s);
}

static void enter(struct pk_server *s)
{
    if (s->arriving == 0)
        s->first_us = s->upstream->loop->now_us;
    s->arriving++;
    s->begun++;
}

/* The server gathers those on the way, and can gather as many again while its disk has these. */
static void gathers(struct pk_server *s)
{
    int most = 2 * (s->arriving + 1);
    if (most > PK_ARRIVALS_UNHEARD)
        most = PK_ARRIVALS_UNHEARD;
    if (most > PK_ARRIVALS_FIRST + s->wider)
        s->wider = most - PK_ARRIVALS_FIRST;
}

/* The first answer tells most: one that took its time did so with none before it. A slow one gives nobody its place. */
static void hear(struct pk_server *s, int64_t took_us)
{
    if (unheard(s) && s->wider >= 0 && took_us >= QUICK_US && took_us < SLOW_US)
        gathers(s);
    s->heard_us = s->upstream->loop->now_us;
    if (still_quick(s, took_us) && !pk_entrants_empty(&s->queue))
        s->wider += room_for(s);
    else if (took_us >= SLOW_US && s->wider > 0)
        s->wider--;
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
        enter(s);
        return true;
    }
    pk_entrants_add(&s->queue, wait, due_us, upstream->loop->now_us);
    go_later(s);
    return false;
}

void pk_upstream_arrived(struct pk_upstream *upstream, int server, int64_t since_us, bool answered)
{
    struct pk_server *s = &upstream->servers[server];
    int64_t took_us = upstream->loop->now_us - since_us;
    s->arriving--;
    if (answered && took_us < MOMENT_US && s->begun > 0)
        s->begun--;
    if (answered)
        hear(s, took_us);
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
