/*
 * Figures that several answers show. While no server has told its version, ours is that of the oldest servers that are
 * silent by default.
 */
#include "io/admin/admin.h"

#include <stdio.h>

#include "io/conn/pairs.h"
#include "io/http/server.h"
#include "io/loop/limits.h"
#include "io/upstream/servers.h"

/* Servers whose srvr is not whitelisted by default are at least this, and write a date like this. */
#define OLDEST_SILENT "3.5.3"
#define NO_DATE       "01/01/1970 00:00 GMT"

void pk_admin_version(const struct pk_admin *admin, char *out, size_t size)
{
    struct pk_ensemble_state state = pk_upstream_state(admin->conns->upstream);
    snprintf(out, size, "%s-pacekeeper-%s, built on %s",
             state.version[0] != '\0' ? state.version : OLDEST_SILENT, PACKAGE_VERSION,
             state.built[0] != '\0' ? state.built : NO_DATE);
}

int64_t pk_admin_spared(const struct pk_admin *admin)
{
    const struct core_stats *s = core_stats(admin->conns->loop.core);
    int64_t spared = s->beats_absorbed - s->flushes;
    return spared > 0 ? spared : 0;
}

void pk_admin_uplinks(const struct pk_admin *admin, int64_t at[PK_MAX_ADDRESSES])
{
    for (const struct pk_list *l = admin->conns->pairs.next; l != &admin->conns->pairs; l = l->next) {
        const struct pk_pair *pair = PK_CONTAINER(l, struct pk_pair, all);
        if (pair->server >= 0 && pair->server < PK_MAX_ADDRESSES && pair->uplink.state == PK_SIDE_OPEN)
            at[pair->server]++;
    }
}

int64_t pk_admin_since_us(const struct pk_admin *admin, int64_t us)
{
    return us != 0 ? admin->conns->loop.now_us - us : 0;
}

int64_t pk_admin_open_files(const struct pk_admin *admin)
{
    int64_t visitors = pk_http_figures(admin->http).files;
    return admin->limits->files + visitors + (int64_t)pk_pairs_clients(admin->conns) +
           core_stats(admin->conns->loop.core)->uplinks;
}

void pk_admin_tick(struct pk_admin *admin, int64_t period_us)
{
    int64_t now = admin->conns->loop.now_us;
    if (admin->ticked_us != 0)
        pk_latency_add(&admin->loop_lag, now - admin->ticked_us - period_us);
    admin->ticked_us = now;
    pk_rates_tick(&admin->rates, core_stats(admin->conns->loop.core), now, admin->conns->loop.wall_ms);
}

const char *pk_admin_unready(const struct pk_admin *admin)
{
    const char *why = admin->actions.unready(admin->owner);
    if (why != NULL)
        return why;
    struct pk_ensemble_state state = pk_upstream_state(admin->conns->upstream);
    if (state.servers == 0)
        return "no name of a server has an address yet";
    return state.up > 0 ? NULL : "no server of the ensemble serves";
}
