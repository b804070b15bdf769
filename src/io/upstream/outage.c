/*
 * Outages. Happy path: some server serves, and the count of closed clients is forgotten after a while. When none does,
 * the outage is said once the clients have been closed, with their number; its end with how long it took. It began with
 * the first of them, because servers are asked only afterwards. Failure modes: one that is over before it was said has
 * one line.
 */
#include "io/upstream/outage.h"

#include <inttypes.h>

#include "io/loop/loop.h"
#include "io/upstream/servers.h"

enum { FORGET_US = 5000000, SAY_US = 1000000, QUIET_US = 300000, LONGEST_WAIT_US = 5000000 };

void pk_outage_closed(struct pk_upstream *upstream)
{
    struct pk_outage *o = &upstream->outage;
    o->newest_us = upstream->loop->now_us;
    if (o->closed++ == 0)
        o->first_us = o->newest_us;
}

/* Every server has been asked at least once. */
static bool known(const struct pk_upstream *upstream)
{
    for (int i = 0; i < upstream->nservers; i++)
        if (upstream->servers[i].names != 0 && upstream->servers[i].state == PK_SERVER_UNASKED)
            return false;
    return pk_upstream_named(upstream);
}

static void over(struct pk_upstream *upstream, const struct pk_ensemble_state *state)
{
    struct pk_outage *o = &upstream->outage;
    double seconds = (double)(upstream->loop->now_us - o->since_us) / 1e6;
    pk_log(upstream->loop->log, o->said ? PK_LOG_INFO : PK_LOG_WARN, PK_LOG_UPSTREAM, NULL,
           "the ensemble is back after %.1f s: %d of %d servers serve, %" PRId64 " clients were closed",
           seconds, state->up, state->servers, o->closed);
    *o = (struct pk_outage){0};
}

static void say(struct pk_upstream *upstream, const struct pk_ensemble_state *state)
{
    struct pk_outage *o = &upstream->outage;
    o->said = true;
    pk_log(upstream->loop->log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL,
           "the ensemble is out: 0 of %d servers serve, %" PRId64 " clients closed", state->servers,
           o->closed);
}

void pk_outage_tick(struct pk_upstream *upstream)
{
    struct pk_outage *o = &upstream->outage;
    struct pk_ensemble_state state = pk_upstream_state(upstream);
    int64_t now = upstream->loop->now_us;
    if (state.up > 0) {
        if (o->since_us != 0)
            over(upstream, &state);
        else if (now - o->newest_us > FORGET_US)
            o->closed = 0;
        return;
    }
    if (o->since_us == 0 && state.servers > 0 && known(upstream))
        o->since_us = o->closed > 0 ? o->first_us : now;
    bool quiet = now - o->newest_us >= QUIET_US || now - o->since_us >= LONGEST_WAIT_US;
    if (o->since_us != 0 && !o->said && now - o->since_us >= SAY_US && quiet)
        say(upstream, &state);
}
