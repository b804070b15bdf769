/*
 * What a core says of itself: figures, log events, mounts, connections, and whether its parts agree.
 *
 * Happy path: copies.
 * Failure modes: a stale id or a mount beyond the last is said to be so.
 */
#include "core/inspect.h"

#include "base/check.h"
#include "core/pulse/lane.h"
#include "core/state.h"
#include "core/sync/handover.h"
#include "core/sync/parts.h"
#include "core/sync/writeback.h"

bool core_take_log_event(struct core *core, struct core_log_event *event)
{
    return pk_log_events_take(&core->conns.log_events, event);
}

bool core_has_pacemaker(const struct core *core)
{
    return core->pacemaker.mount != NULL;
}

const struct core_stats *core_stats(const struct core *core)
{
    return &core->stats;
}

void core_beats_lately(const struct core *core, struct pk_histogram *out)
{
    pk_window_view(&core->beat_window, &core->beat_latency, core->conns.now_us, out);
}

int64_t core_hold_time(const struct core *core, double quantile)
{
    return pk_histogram_quantile(&core->hold_time, quantile);
}

uint64_t core_holds_within(const struct core *core, int64_t us)
{
    return pk_histogram_within(&core->hold_time, us);
}

double core_hold_sum_us(const struct core *core)
{
    return core->hold_time.sum;
}

struct core_beat_times core_beat_times(const struct core *core)
{
    const struct pk_histogram *h = &core->beat_latency;
    return (struct core_beat_times){h->min, h->max, pk_histogram_mean(h)};
}

uint64_t core_beats_within(const struct core *core, int64_t us)
{
    return pk_histogram_within(&core->beat_latency, us);
}

double core_beat_sum_us(const struct core *core)
{
    return core->beat_latency.sum;
}

const struct pk_latency *core_relay_times(const struct core *core, unsigned server, bool writes)
{
    return server < PK_TIMED_SERVERS ? &core->conns.relay_times[server][writes] : NULL;
}

const struct pk_tally *core_tally(const struct core *core, size_t i)
{
    return i < core->store.nmounts ? &core->store.mounts[i].tally : &core->store.outside;
}

int64_t core_left(const struct core *core)
{
    int64_t left = 0;
    for (size_t i = 0; i < core->store.nmounts; i++) {
        const struct pk_mount *m = &core->store.mounts[i];
        left += m->blocked ? 0 : (int64_t)pk_handover_left(m);
    }
    return left;
}

static int64_t oldest_dirty(const struct pk_mount *m)
{
    return pk_list_empty(&m->due) ? 0 : PK_CONTAINER(m->due.next, struct pk_writeback, due)->since_us;
}

bool core_mount_info(const struct core *core, size_t i, struct core_mount_info *info)
{
    if (i >= core->store.nmounts)
        return false;
    const struct pk_mount *m = &core->store.mounts[i];
    *info = (struct core_mount_info){.path = m->config.path,
                                     .mode = m->life == PK_MOUNT_STANDS ? m->wanted : PK_MODE_RELAY,
                                     .znodes = m->znodes,
                                     .bytes = m->bytes,
                                     .cached_znodes = m->cached_znodes,
                                     .dirty = m->dirty,
                                     .left = pk_handover_left(m),
                                     .max_znodes = m->config.max_znodes,
                                     .max_bytes = m->config.max_bytes,
                                     .flush_us = m->config.flush_us,
                                     .unflushed_us = oldest_dirty(m),
                                     .recursive = m->recursive,
                                     .begins = m->life == PK_MOUNT_BEGINS,
                                     .leaves = m->life == PK_MOUNT_LEAVES,
                                     .gone = m->life == PK_MOUNT_LEAVES && pk_handover_left(m) == 0};
    return true;
}

bool core_mount_next(const struct core *core, size_t *i, struct core_mount_info *info)
{
    while (core_mount_info(core, *i, info)) {
        if (!info->gone)
            return true;
        ++*i;
    }
    return false;
}

/* What it was seen to write; of one that has only refreshed what was there, the znode of its newest request. */
static struct pk_bytes writes(struct core *core, const struct pk_client *c)
{
    bool known = c->last != NULL && c->last_freed_epoch == core->store.freed_epoch && c->written > 0;
    return c->writes != NULL || !known ? pk_blob_view(c->writes) : pk_store_path(&core->store, c->last);
}

bool core_conn_info(struct core *core, struct pk_id id, struct core_conn_info *info)
{
    const struct pk_uplink *u = pk_conns_find(&core->conns, id);
    if (u == NULL || u->client == NULL)
        return false;
    const struct pk_client *c = u->client;
    *info = (struct core_conn_info){
        .session_id = u->session_id,
        .timeout_ms = u->timeout_ms,
        .received = c->received,
        .sent = c->sent,
        .local = c->local,
        .written = c->written,
        .queued = c->queue.depth,
        .last_xid = c->last_xid,
        .last_op = c->last_op,
        .last_zxid = c->emitted_zxid,
        .opened_us = u->opened_us,
        .heard_us = c->heard_us,
        .server_us = c->up.heard_us,
        .writes = writes(core, c),
        .holds = pk_blob_view(c->holds),
    };
    return true;
}

static int64_t check_watcher(const struct pk_client *c)
{
    size_t bytes = pk_watcher_bytes(&c->watcher);
    for (const struct pk_list *at = c->queue.entries.next; at != &c->queue.entries; at = at->next)
        bytes += pk_intents_bytes(PK_CONTAINER(at, struct pk_entry, client)->intents);
    PK_BUG_ON(bytes != c->watcher.bytes);
    return (int64_t)bytes;
}

static void check_watch_bytes(const struct core *core)
{
    int64_t watchers = (int64_t)core->store.ended.bytes, mounts = 0;
    PK_BUG_ON(pk_watcher_bytes(&core->store.ended) != core->store.ended.bytes);
    for (uint32_t i = 0; i < core->conns.nslots; i++) {
        const struct pk_uplink *u = core->conns.slots[i];
        watchers += u != NULL && u->client != NULL ? check_watcher(u->client) : 0;
    }
    for (size_t i = 0; i < core->store.nmounts; i++)
        mounts += (int64_t)core->store.mounts[i].watch_bytes;
    PK_BUG_ON(watchers != core->stats.watch_bytes || mounts != core->stats.watch_bytes);
}

bool core_is(const struct core *core, struct pk_id id, const char *identity)
{
    const struct pk_uplink *u = pk_conns_find(&core->conns, id);
    struct pk_bytes text = {(const uint8_t *)identity, (uint32_t)strlen(identity)};
    return u != NULL && u->client != NULL && pk_identities_have(&u->client->identities, text);
}

uint64_t core_worked(const struct core *core)
{
    return core->conns.worked;
}

void core_check(const struct core *core)
{
    check_watch_bytes(core);
    pk_store_check(&core->store);
    pk_conns_check(&core->conns);
    pk_sync_check(&core->sync);
    pk_lanes_check(&core->pacemaker);
}

void core_tap(struct core *core, const struct pk_tap *tap)
{
    core->store.tap = *tap;
}

const struct pk_store *core_store(const struct core *core)
{
    return &core->store;
}
