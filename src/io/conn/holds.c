/*
 * The sums of held clients. Happy path: they are attached elsewhere within a tick, and one line says so. Failure modes:
 * who is not attached has a reason, which figures count; a loss within another one is part of it; where nobody could be
 * held, nobody knows whether a server was lost.
 */
#include "io/conn/holds.h"

#include <inttypes.h>

/* Clients so far that lost their uplink and could not be held. */
static int64_t not_held(const struct core_stats *s)
{
    return s->held_write + s->held_sasl + s->held_read_only + s->held_lasting + s->held_watches +
           s->held_other;
}

static void begin(struct pk_holds *h, int64_t now_us)
{
    h->since_us = now_us;
    h->held = h->seen;
    h->attached = h->attaches;
    h->closed = h->closes;
    h->said = false;
}

static void over(struct pk_holds *h, const struct pk_loop *loop, const struct core_stats *s)
{
    int64_t held = s->holds - h->held, attached = s->attaches - h->attached;
    int64_t closed = not_held(s) - h->closed;
    attached = attached < held ? attached : held;
    /* Nobody asked whether their server was lost: the ensemble may as well have ended their sessions. */
    if (held == 0)
        pk_log(loop->log, PK_LOG_INFO, PK_LOG_UPSTREAM, NULL,
               "%" PRId64 " clients that could not be held have lost their connections to the ensemble",
               closed);
    else if (h->said)
        pk_log(loop->log, PK_LOG_INFO, PK_LOG_UPSTREAM, NULL,
               "nobody is held any more after %.1f s: of %" PRId64 " clients %" PRId64
               " are at other servers, %" PRId64 " have ended; %" PRId64 " could not be held",
               (double)(loop->now_us - h->since_us) / 1e6, held, attached, held - attached, closed);
    else
        pk_log(loop->log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL,
               "a server was lost: of %" PRId64 " clients that were held %" PRId64
               " are at other servers, %" PRId64 " have ended; %" PRId64 " could not be held",
               held, attached, held - attached, closed);
    h->since_us = 0;
}

void pk_holds_tick(struct pk_holds *h, struct pk_loop *loop)
{
    const struct core_stats *s = core_stats(loop->core);
    if (h->since_us == 0 && (s->holds > h->seen || not_held(s) > h->closes))
        begin(h, loop->now_us);
    h->seen = s->holds;
    h->attaches = s->attaches;
    h->closes = not_held(s);
    if (h->since_us == 0)
        return;
    if (s->held == 0) {
        over(h, loop, s);
    } else if (!h->said) {
        h->said = true;
        pk_log(loop->log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL,
               "a server is lost: %" PRId64 " clients are held", s->holds - h->held);
    }
}
