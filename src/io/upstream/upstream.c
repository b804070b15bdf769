/*
 * The ensemble from start to stop. Happy path: names become addresses, each is probed once; both again every
 * status-interval. Failure modes: while no server serves, all are probed every second, and oftener while clients wait
 * (urgent.c).
 */
#include "io/upstream/upstream.h"

#include <stdlib.h>
#include <sys/random.h>

#include "io/loop/loop.h"
#include "io/upstream/arrive.h"
#include "io/upstream/learn.h"
#include "io/upstream/names.h"
#include "io/upstream/urgent.h"
#include "io/upstream/verdict.h"

enum { NONE_UP_US = 1000000 };

enum pk_err pk_upstream_open(struct pk_upstream **out, struct pk_loop *loop, void (*settled)(void *owner),
                             void *owner)
{
    struct pk_upstream *upstream = *out = calloc(1, sizeof *upstream);
    if (upstream == NULL)
        return PK_ENOMEM;
    upstream->loop = loop;
    upstream->settled = settled;
    upstream->owner = owner;
    pk_list_init(&upstream->nameless);
    pk_arrivals_init(upstream);
    pk_urgent_init(upstream);
    pk_verdicts_init(upstream);
    if (getrandom(&upstream->random, sizeof upstream->random, 0) != sizeof upstream->random)
        upstream->random = (uint64_t)loop->now_us;
    upstream->random |= 1;
    pk_selves_find(&upstream->selves, loop->config, true);
    for (size_t i = 0; i < loop->config->nservers; i++)
        pk_upstream_name_add(upstream, &loop->config->servers[i]);
    pk_upstream_resolve(upstream);
    upstream->probed_us = loop->now_us;
    return PK_OK;
}

void pk_upstream_close(struct pk_upstream *upstream)
{
    upstream->closing = true;
    pk_arrivals_close(upstream);
    pk_urgent_close(upstream);
    pk_verdicts_close(upstream);
    for (int i = 0; i < upstream->nservers; i++)
        while (pk_probe_cancel(&upstream->servers[i].probes) ||
               pk_probe_cancel(&upstream->servers[i].questions))
            continue;
    for (int i = 0; i < upstream->nnames; i++)
        pk_resolve_close(&upstream->names[i]);
}

void pk_upstream_free(struct pk_upstream *upstream)
{
    free(upstream);
}

bool pk_upstream_itself(const struct pk_upstream *upstream)
{
    int servers = 0;
    if (upstream->itself || upstream->served || !pk_upstream_named(upstream))
        return upstream->itself;
    for (int i = 0; i < upstream->nservers; i++) {
        const struct pk_server *s = &upstream->servers[i];
        if (pk_server_usable(s))
            return false;
        servers += s->names != 0;
    }
    return servers > 0;
}

static void probe_all(struct pk_upstream *upstream)
{
    upstream->probed_us = upstream->loop->now_us;
    for (int i = 0; i < upstream->nservers; i++)
        if (upstream->servers[i].names != 0)
            pk_server_probe(&upstream->servers[i]);
}

void pk_upstream_tick(struct pk_upstream *upstream)
{
    int64_t interval = upstream->loop->config->status_interval * 1000;
    pk_outage_tick(upstream);
    pk_upstream_ask_lost(upstream);
    pk_upstream_names_tick(upstream);
    if (interval > NONE_UP_US && pk_upstream_state(upstream).up == 0)
        interval = NONE_UP_US;
    if (upstream->loop->now_us - upstream->probed_us >= interval)
        probe_all(upstream);
}
