/*
 * What answers and events say of a cached znode.
 *
 * Happy path: an answer at the version that the cached znode started from; it is brought up to date.
 * Failure modes: an older one comes from a server that lags; one that is ahead without our doing is a foreign write and
 * ends the cached znode; the one that a flush without an answer would have left is told from a foreign one by its data.
 */
#include <string.h>

#include "core/cached.h"
#include "core/intent.h"

/* The answer is as new as our copy, or newer but for what is dirty. */
static void refresh(struct core *core, struct pk_cached *l, const struct pk_stat *st, int64_t zxid)
{
    if (zxid < l->shown_zxid)
        return;
    if (st->aversion != l->base.aversion)
        pk_cached_drop_permits(core, l); /* somebody has changed the ACL */
    l->base.aversion = st->aversion;
    l->base.cversion = st->cversion;
    l->base.num_children = st->num_children;
    l->base.pzxid = st->pzxid;
    l->shown_zxid = zxid;
    if (zxid > l->suspect_zxid)
        l->suspect_zxid = 0;
}

/* The flush whose answer never came has happened. */
static void landed(struct core *core, struct pk_cached *l, const struct pk_stat *st)
{
    l->base.version = st->version;
    l->base.mzxid = st->mzxid;
    l->base.mtime = st->mtime;
    core->stats.writes_flushed += l->uncertain;
    l->uncertain = 0;
    pk_cached_forget_sent(core, l);
    core->stats.flushes++;
    pk_cached_settle(core, l);
}

void pk_cached_forget_sent(struct core *core, struct pk_cached *l)
{
    pk_blob_unref(core->mem, l->sent);
    l->sent = NULL;
}

/* Whether the version that a flush without an answer would have left comes from that flush. */
static bool is_sent(const struct pk_cached *l, const struct pk_stat *st, const struct pk_bytes *data)
{
    uint32_t len = l->sent != NULL ? l->sent->len : 0;
    if (st->data_length != (int32_t)len)
        return false;
    if (data == NULL)
        return true;
    return (data->p == NULL) == (l->sent == NULL) && (len == 0 || memcmp(data->p, l->sent->bytes, len) == 0);
}

/* Somebody else's doing, or that of a request of ours which is under way: then its answer, or the next one, will tell. */
static enum pk_seen others(struct core *core, struct pk_znode *z, enum pk_cached_end why, int64_t zxid)
{
    if (!pk_intended(z))
        pk_cached_end(core, z, why);
    else if (z->cached->suspect_zxid < zxid - 1)
        z->cached->suspect_zxid = zxid - 1;
    return PK_SEEN_OTHERS;
}

enum pk_seen pk_cached_saw(struct core *core, struct pk_znode *z, const struct pk_stat *st,
                           const struct pk_bytes *data, int64_t zxid)
{
    struct pk_cached *l = z->cached;
    if (st->czxid < l->base.czxid)
        return PK_SEEN_OLDER;
    if (st->czxid != l->base.czxid)
        return others(core, z, PK_CACHED_GONE, zxid);
    int32_t ahead = (int32_t)((uint32_t)st->version - (uint32_t)l->base.version);
    if (l->over)
        return ahead > 0 ? PK_SEEN_OTHERS : PK_SEEN_OURS;
    if (ahead > 0 && ahead == l->inflight && is_sent(l, st, data))
        return PK_SEEN_OURS;
    if (ahead > 0 && ahead == l->uncertain && is_sent(l, st, data)) {
        if (data == NULL)
            return PK_SEEN_OURS; /* the look at the data is to come */
        landed(core, l, st);
        ahead = 0;
    }
    if (ahead > 0)
        return others(core, z, PK_CACHED_FOREIGN, zxid);
    if (ahead == 0)
        refresh(core, l, st, zxid);
    return PK_SEEN_OURS;
}

bool pk_cached_missing(struct core *core, struct pk_znode *z, int64_t zxid)
{
    if (zxid < z->cached->shown_zxid)
        return true;
    (void)others(core, z, PK_CACHED_GONE, zxid);
    return false;
}

void pk_cached_patch(const struct pk_cached *l, struct pk_stat *st)
{
    st->version = l->version;
    st->mzxid = l->mzxid;
    st->mtime = l->mtime;
    st->data_length = l->data != NULL ? (int32_t)l->data->len : 0;
}

void pk_cached_stale(struct core *core, struct pk_znode *z, int64_t zxid)
{
    if (z == NULL || z->cached == NULL)
        return;
    if (z->cached->changed_zxid < zxid)
        z->cached->changed_zxid = zxid;
    core->store.losses++;
}

void pk_cached_changed(struct pk_znode *z, int64_t zxid)
{
    if (z->aux != NULL && z->aux->changed_zxid < zxid)
        z->aux->changed_zxid = zxid;
}

void pk_cached_event(struct core *core, struct pk_znode *z, int32_t type)
{
    if (z->parent != NULL && (type == PK_EVENT_CREATED || type == PK_EVENT_DELETED))
        pk_cached_stale(core, z->parent, core->stats.newest_zxid + 1);
    if (type == PK_EVENT_CREATED || type == PK_EVENT_DELETED)
        pk_cached_changed(z, core->stats.newest_zxid + 1);
    if (z->cached == NULL || z->cached->over)
        return;
    bool ours = pk_store_mount(&core->store, z)->config.absorb_watched; /* may be: a flush */
    if (type == PK_EVENT_CHILDREN_CHANGED) {
        pk_cached_stale(core, z, core->stats.newest_zxid + 1);
    } else if (ours && type == PK_EVENT_DATA_CHANGED) {
        return;
    } else if (ours || type == PK_EVENT_DATA_CHANGED) {
        z->cached->suspect_zxid = core->stats.newest_zxid;
        core->store.losses++;
    } else if (!pk_intended(z)) {
        pk_cached_end(core, z, PK_CACHED_GONE);
    }
}
