/*
 * What answers and events say of a cached znode.
 *
 * Happy path: an answer at the version that the value started from; it is brought up to date.
 * Failure modes: an older one comes from a server that lags; one that is ahead without our doing is a foreign write and
 * ends the value; the one that a flush without an answer would have left is told from a foreign one by its data.
 */
#include "core/sync/seen.h"

#include <string.h>

#include "core/sync/permit.h"

static void apply(struct pk_sync *sync, struct pk_znode *z, enum pk_change_kind kind,
                  const struct pk_stat *st, int64_t zxid)
{
    struct pk_change c = {.kind = kind, .znode = z, .stat = st, .zxid = zxid};
    (void)!pk_store_apply(sync->store, &c); /* these kinds cannot fail */
}

/* The answer is as new as our copy, or newer but for what is dirty. */
static void refresh(struct pk_sync *sync, struct pk_znode *z, const struct pk_stat *st, int64_t zxid)
{
    const struct pk_value *v = &z->cached->value;
    if (zxid >= v->shown_zxid && st->aversion != v->base.aversion)
        pk_permits_take_all(sync, pk_writeback_of(z)); /* somebody has changed the ACL */
    apply(sync, z, PK_CHANGE_SHOWN, st, zxid);
}

/* A flush of so many writes whose answer never came has happened. */
static void landed(struct pk_sync *sync, struct pk_znode *z, const struct pk_stat *st, int32_t writes)
{
    struct pk_writeback *w = pk_writeback_of(z);
    apply(sync, z, PK_CHANGE_LANDED, st, 0);
    sync->stats->writes_flushed += writes;
    sync->stats->flushes++;
    if (w->inflight == 0) {
        w->uncertain = 0;
        pk_writeback_forget_sent(sync, w);
    }
    pk_writeback_forget_late(sync, w);
    pk_writeback_requeue(sync, w);
}

/* Whether the version that a flush without an answer would have left comes from that flush. */
static bool is_sent(const struct pk_blob *sent, const struct pk_stat *st, const struct pk_bytes *data)
{
    uint32_t len = sent != NULL ? sent->len : 0;
    if (st->data_length != (int32_t)len)
        return false;
    if (data == NULL)
        return true;
    return (data->p == NULL) == (sent == NULL) && (len == 0 || memcmp(data->p, sent->bytes, len) == 0);
}

/* Somebody else's doing, or that of a request of ours which is under way: then its answer, or the next one, will
 * tell. */
static enum pk_seen others(struct pk_sync *sync, struct pk_znode *z, enum pk_cached_end why, int64_t zxid)
{
    if (!pk_intended(z))
        pk_cached_end(sync, z, why);
    else
        apply(sync, z, PK_CHANGE_SUSPECT, NULL, zxid - 1);
    return PK_SEEN_OTHERS;
}

enum pk_seen pk_seen_stat(struct pk_sync *sync, struct pk_znode *z, const struct pk_stat *st,
                          const struct pk_bytes *data, int64_t zxid)
{
    struct pk_writeback *w = pk_writeback_of(z);
    const struct pk_stat *base = &w->cached.value.base;
    if (st->czxid < base->czxid)
        return PK_SEEN_OLDER;
    if (st->czxid != base->czxid)
        return others(sync, z, PK_CACHED_GONE, zxid);
    int32_t ahead = (int32_t)((uint32_t)st->version - (uint32_t)base->version);
    if (w->state == PK_WRITEBACK_RETIRED)
        return ahead > 0 ? PK_SEEN_OTHERS : PK_SEEN_OURS;
    if (ahead > 0 && ahead == w->inflight && is_sent(w->sent, st, data))
        return PK_SEEN_OURS;
    bool uncertain = ahead > 0 && ahead == w->uncertain && is_sent(w->sent, st, data);
    bool late = ahead > 0 && ahead == w->late && is_sent(w->late_data, st, data);
    if (uncertain || late) {
        if (data == NULL)
            return PK_SEEN_OURS; /* the question about the data is to come */
        landed(sync, z, st, ahead);
        ahead = 0;
    }
    if (ahead > 0)
        return others(sync, z, PK_CACHED_FOREIGN, zxid);
    if (ahead == 0)
        refresh(sync, z, st, zxid);
    return PK_SEEN_OURS;
}

bool pk_seen_missing(struct pk_sync *sync, struct pk_znode *z, int64_t zxid)
{
    if (zxid < z->cached->value.shown_zxid)
        return true;
    (void)others(sync, z, PK_CACHED_GONE, zxid);
    return false;
}

void pk_seen_stale(struct pk_sync *sync, struct pk_znode *z, int64_t zxid)
{
    if (z != NULL && z->cached != NULL)
        apply(sync, z, PK_CHANGE_STALE, NULL, zxid);
}

void pk_seen_changed(struct pk_znode *z, int64_t zxid)
{
    if (z->tracking != NULL && z->tracking->changed_zxid < zxid)
        z->tracking->changed_zxid = zxid;
}

void pk_seen_event(struct pk_sync *sync, struct pk_znode *z, struct pk_znode *parent, int32_t type)
{
    int64_t newest = sync->stats->newest_zxid;
    if (z == NULL || type == PK_EVENT_CREATED || type == PK_EVENT_DELETED)
        pk_seen_stale(sync, parent, newest + 1);
    if (z == NULL)
        return;
    if (type == PK_EVENT_CREATED || type == PK_EVENT_DELETED)
        pk_seen_changed(z, newest + 1);
    if (z->cached == NULL || z->cached->value.retired)
        return;
    bool ours = pk_store_mount(sync->store, z)->config.absorb_watched; /* may be: a flush */
    if (type == PK_EVENT_CHILDREN_CHANGED) {
        pk_seen_stale(sync, z, newest + 1);
    } else if (ours && type == PK_EVENT_DATA_CHANGED) {
        return;
    } else if (ours || type == PK_EVENT_DATA_CHANGED) {
        apply(sync, z, PK_CHANGE_SUSPECT, NULL, newest);
    } else if (!pk_intended(z)) {
        pk_cached_end(sync, z, PK_CACHED_GONE);
    }
}

/* The value of a setData is moved on by its answer (pk_cached_written) and ends with any other write; the parent's copy
 * is stale when the znode may have come or gone. */
void pk_seen_written(struct pk_sync *sync, struct pk_znode *z, uint8_t kinds, int32_t op, bool known)
{
    int64_t zxid = sync->stats->newest_zxid + (known ? 0 : 1);
    if (!(kinds & PK_INTENT_WRITE) || (known && op == PK_OP_SET_DATA))
        return;
    pk_seen_changed(z, zxid);
    if (op != PK_OP_SET_DATA)
        pk_seen_stale(sync, z->parent, zxid);
    if (z->cached != NULL && (known || !pk_writeback_dirty(pk_writeback_of(z))))
        pk_cached_end(sync, z, kinds & PK_INTENT_DELETE ? PK_CACHED_GONE : PK_CACHED_OVER);
}
