/*
 * Cached znodes and their way back.
 *
 * Happy path: a beat's setData finds the client's permit, is absorbed, and marks the znode dirty.
 * Failure modes: whatever makes the copy doubtful (a foreign write, an ACL changed, a recreated znode) ends the value
 * or its permits, and the next request is the ensemble's; absorbed writes that nobody can flush are counted.
 */
#include "core/sync/writeback.h"

#include <string.h>

#include "base/check.h"
#include "core/sync/permit.h"

/* Bytes that each replayed write adds to a flush beside its path, and a flush beside all. */
enum { STEP_BYTES = 32, FLUSH_BYTES = 128 };
/* How long a client may take to come back for what only it may flush. */
enum { PATIENCE_US = 5 * 1000 * 1000 };

_Static_assert(offsetof(struct pk_writeback, cached) == 0, "pk_writeback_of casts");

/* True when the flush that this write makes longer would still be a frame that servers take. */
static bool fits(const struct pk_sync *sync, const struct pk_cached *l, size_t data)
{
    size_t steps = (size_t)pk_cached_pending(l) + 1;
    size_t step = pk_znode_path_len(l->znode) + STEP_BYTES;
    return data + steps * step + FLUSH_BYTES <= sync->conns->limits.max_frame;
}

static bool fresh(const struct pk_znode *z)
{
    return pk_cached_fresh(z->cached) && !z->replaying_pairs && !pk_intended(z);
}

bool pk_writeback_writer_serves(const struct pk_sync *sync, const struct pk_writeback *w)
{
    return w->writer != NULL && !pk_uplink_silent(sync->conns, &w->writer->up) &&
           pk_client_lives(sync->conns, w->writer);
}

bool pk_cached_absorbs(const struct pk_sync *sync, const struct pk_client *c, const struct pk_znode *z,
                       size_t data)
{
    const struct pk_writeback *w = pk_writeback_of(z);
    const struct pk_mount *m = pk_store_mount(sync->store, z);
    size_t before = w->cached.value.data != NULL ? w->cached.value.data->len : 0;
    return m->config.mode != PK_MODE_RELAY && w->holds == 0 && pk_permit_find(c, w) != NULL && fresh(z) &&
           pk_cached_pending(&w->cached) < PK_PENDING_MAX && fits(sync, &w->cached, data) &&
           !pk_data_watched(sync->store, z) &&
           pk_store_has_room(m, false, data > before ? data - before : 0, data);
}

bool pk_cached_knows(const struct pk_store *store, const struct pk_client *c, const struct pk_znode *z)
{
    const struct pk_permit *p = pk_permit_find(c, pk_writeback_of(z));
    return p != NULL && p->read && fresh(z) && pk_store_mount(store, z)->config.mode != PK_MODE_RELAY;
}

#define BIT(state) (1u << PK_WRITEBACK_##state)
#define IDLE       (BIT(CLEAN) | BIT(DIRTY) | BIT(HURRIED) | BIT(ORPHAN) | BIT(REFUSED))

static bool may_move(enum pk_writeback_state from, enum pk_writeback_state to)
{
    static const uint16_t edges[PK_WRITEBACK_STATES] = {
        [PK_WRITEBACK_CLEAN] = IDLE | BIT(VERIFYING) | BIT(RETIRED) | BIT(ENDED),
        [PK_WRITEBACK_DIRTY] = IDLE | BIT(BATCHED) | BIT(VERIFYING) | BIT(RETIRED) | BIT(ENDED),
        [PK_WRITEBACK_HURRIED] = IDLE | BIT(BATCHED) | BIT(VERIFYING) | BIT(RETIRED) | BIT(ENDED),
        [PK_WRITEBACK_ORPHAN] = IDLE | BIT(BATCHED) | BIT(VERIFYING) | BIT(RETIRED) | BIT(ENDED),
        [PK_WRITEBACK_REFUSED] = IDLE | BIT(BATCHED) | BIT(VERIFYING) | BIT(RETIRED) | BIT(ENDED),
        [PK_WRITEBACK_BATCHED] = IDLE | BIT(IN_FLIGHT) | BIT(ENDED),
        [PK_WRITEBACK_IN_FLIGHT] = IDLE | BIT(VERIFYING) | BIT(RETIRED) | BIT(ENDED),
        [PK_WRITEBACK_VERIFYING] = IDLE | BIT(RETIRED) | BIT(ENDED),
        [PK_WRITEBACK_RETIRED] = BIT(CLEAN) | BIT(ENDED),
    };
    return (edges[from] >> to & 1) != 0;
}

/* The list that `due` is in. */
static struct pk_list *list_of(struct pk_sync *sync, const struct pk_writeback *w)
{
    switch ((enum pk_writeback_state)w->state) {
    case PK_WRITEBACK_DIRTY:
        return &pk_store_mount(sync->store, w->cached.znode)->due;
    case PK_WRITEBACK_HURRIED:
        return &sync->hurried;
    case PK_WRITEBACK_ORPHAN:
        return &sync->orphans;
    case PK_WRITEBACK_REFUSED:
        return &sync->refused;
    case PK_WRITEBACK_RETIRED:
        return &sync->retired;
    default:
        return NULL;
    }
}

static void move(struct pk_sync *sync, struct pk_writeback *w, enum pk_writeback_state to)
{
    bool was_dirty = pk_writeback_dirty(w);
    if (w->state == to)
        return;
    PK_BUG_ON(!may_move((enum pk_writeback_state)w->state, to));
    pk_list_del(&w->due);
    w->state = (uint8_t)to;
    struct pk_list *list = list_of(sync, w);
    if (list != NULL)
        pk_list_add_tail(list, &w->due);
    int change = (int)pk_writeback_dirty(w) - (int)was_dirty;
    if (change == 0)
        return;
    pk_store_mount(sync->store, w->cached.znode)->dirty += (uint64_t)(int64_t)change;
    sync->stats->dirty += change;
    w->since_us = sync->conns->now_us;
}

/* Its writer need not wait for it any more, if it is on its way out. */
static void no_writer(struct pk_sync *sync, struct pk_writeback *w)
{
    pk_list_del(&w->of_writer);
    if (w->writer != NULL)
        pk_client_wake(sync->conns, w->writer);
    w->writer = NULL;
}

static enum pk_writeback_state state_for(const struct pk_writeback *w)
{
    int32_t pending = pk_cached_pending(&w->cached);
    if (w->inflight > 0)
        return PK_WRITEBACK_IN_FLIGHT;
    if (pending == 0)
        return PK_WRITEBACK_CLEAN;
    if (pk_writeback_on_its_way(w))
        return PK_WRITEBACK_VERIFYING;
    if (w->refused_us != 0)
        return PK_WRITEBACK_REFUSED;
    if (w->writer == NULL || w->helped)
        return PK_WRITEBACK_ORPHAN;
    return pending >= PK_PENDING_EARLY ? PK_WRITEBACK_HURRIED : PK_WRITEBACK_DIRTY;
}

void pk_writeback_requeue(struct pk_sync *sync, struct pk_writeback *w)
{
    if (w->state >= PK_WRITEBACK_RETIRED)
        return;
    bool clean = pk_cached_pending(&w->cached) == 0;
    if (clean)
        no_writer(sync, w);
    if (clean) {
        w->helped = w->helpless = false;
        memset(w->refused, 0, sizeof w->refused);
    }
    if (clean || (w->writer != NULL && !w->helped)) {
        w->same_acl = false;
        w->refused_us = 0;
    }
    move(sync, w, state_for(w));
    if (w->state == PK_WRITEBACK_CLEAN)
        pk_wake_all(sync->conns, &w->waiters);
}

void pk_writeback_refuse(struct pk_writeback *w, const struct pk_uplink *u)
{
    if (!pk_writeback_refused(w, u))
        w->refused[w->refused_next++ % PK_REFUSED] = u->id;
}

void pk_writeback_batch(struct pk_sync *sync, struct pk_writeback *w)
{
    move(sync, w, PK_WRITEBACK_BATCHED);
}

void pk_writeback_sent(struct pk_sync *sync, struct pk_writeback *w)
{
    struct pk_change sent = {.kind = PK_CHANGE_SENT, .znode = w->cached.znode};
    w->inflight = pk_cached_pending(&w->cached);
    w->sent = pk_blob_ref(w->cached.value.data);
    move(sync, w, PK_WRITEBACK_IN_FLIGHT);
    (void)!pk_store_apply(sync->store, &sent); /* cannot fail */
}

void pk_writeback_give_up(struct pk_sync *sync)
{
    PK_LIST_EACH(at, tmp, &sync->refused) {
        struct pk_writeback *w = PK_CONTAINER(at, struct pk_writeback, due);
        struct pk_znode *z = w->cached.znode;
        if (!sync->conns->draining && sync->conns->now_us - w->refused_us < PATIENCE_US)
            continue;
        pk_cached_end(sync, z, PK_CACHED_DROPPED);
        pk_store_tidy(sync->store, z);
    }
}

void pk_writeback_orphan(struct pk_sync *sync, struct pk_writeback *w)
{
    no_writer(sync, w);
    pk_writeback_requeue(sync, w);
}

void pk_cached_absorbed(struct pk_sync *sync, struct pk_client *c, struct pk_znode *z)
{
    struct pk_writeback *w = pk_writeback_of(z);
    bool listed = w->state != PK_WRITEBACK_CLEAN && w->writer == c;
    if (w->writer != c) {
        pk_list_del(&w->of_writer);
        pk_list_add_tail(&c->dirty, &w->of_writer);
        w->writer = c;
    }
    if (!listed && w->state == PK_WRITEBACK_CLEAN)
        w->aversion = w->cached.value.base.aversion;
    if (!listed || pk_cached_pending(&w->cached) == PK_PENDING_EARLY)
        pk_writeback_requeue(sync, w);
    sync->stats->refreshes++;
}

enum pk_err pk_writeback_hold(struct pk_sync *sync, struct pk_pending *p, struct pk_znode *const *v,
                              uint32_t n)
{
    pk_writeback_release(sync, p);
    if (p->holds_cap < n) {
        struct pk_cached **grown = pk_resize(sync->mem, p->holds, n * sizeof(struct pk_cached *));
        if (grown == NULL)
            return PK_ENOMEM;
        p->holds = grown;
        p->holds_cap = n;
    }
    for (uint32_t i = 0; i < n; i++) {
        p->holds[i] = v[i]->cached;
        p->holds[i]->refs++;
        pk_writeback_of(v[i])->holds++;
    }
    p->nholds = n;
    return PK_OK;
}

void pk_writeback_release(struct pk_sync *sync, struct pk_pending *p)
{
    for (uint32_t i = 0; i < p->nholds; i++) {
        struct pk_writeback *w = (struct pk_writeback *)p->holds[i];
        w->holds--;
        pk_cached_unref(sync->store, &w->cached);
    }
    p->nholds = 0;
}

/* What the end of a cached value does to writes that were not flushed. */
static void count_end(struct pk_sync *sync, const struct pk_writeback *w, enum pk_cached_end why)
{
    int64_t pending = pk_cached_pending(&w->cached);
    if (why == PK_CACHED_FOREIGN && w->state != PK_WRITEBACK_RETIRED)
        sync->stats->foreign_writes++;
    if (pending == 0 || why == PK_CACHED_MOVED)
        return;
    sync->stats->writes_dropped += pending;
    pk_conns_log(
        sync->conns, why == PK_CACHED_DROPPED ? PK_LOG_EVENT_WRITES_DROPPED : PK_LOG_EVENT_FOREIGN_WRITE,
        w->writer != NULL ? &w->writer->up : NULL, pk_store_path(sync->store, w->cached.znode), pending);
}

static enum pk_err change(struct pk_sync *sync, struct pk_znode *z, enum pk_change_kind kind)
{
    struct pk_change c = {.kind = kind, .znode = z, .now_us = sync->conns->now_us};
    return pk_store_apply(sync->store, &c);
}

/* For servers that lag: the znode exists from base.czxid on, with what readers have seen from base.mzxid on. */
static void remember(struct pk_sync *sync, struct pk_znode *z)
{
    if (!pk_znode_held(z))
        (void)!change(sync, z,
                      PK_CHANGE_REMEMBERED); /* out of memory: a server that lags may show it for a moment */
}

static void remove_cached(struct pk_sync *sync, struct pk_znode *z)
{
    struct pk_writeback *w = pk_writeback_of(z);
    move(sync, w, PK_WRITEBACK_ENDED);
    pk_writeback_forget_sent(sync, w);
    pk_writeback_forget_late(sync, w);
    (void)!change(sync, z, PK_CHANGE_UNCACHED); /* cannot fail */
}

void pk_cached_end(struct pk_sync *sync, struct pk_znode *z, enum pk_cached_end why)
{
    struct pk_writeback *w = pk_writeback_of(z);
    bool clean = pk_cached_pending(&w->cached) == 0;
    bool gone = why == PK_CACHED_GONE || why == PK_CACHED_MOVED;
    pk_wake_all(sync->conns, &w->waiters);
    if (w->state == PK_WRITEBACK_RETIRED && !gone)
        return;
    count_end(sync, w, why);
    pk_permits_take_all(sync, w);
    no_writer(sync, w);
    sync->store->invalidations++;
    if (!gone)
        remember(sync, z);
    if (!gone && clean && w->inflight == 0) {
        /* Nothing is absorbed any more. For a while the value stays for answers of servers that lag, so that nobody who
         * has seen it goes back. */
        move(sync, w, PK_WRITEBACK_RETIRED);
        w->since_us = sync->conns->now_us;
        (void)!change(sync, z, PK_CHANGE_RETIRED); /* cannot fail */
        return;
    }
    if (pk_store_remember(sync->store, z, sync->stats->newest_zxid, sync->conns->now_us) == PK_OK)
        z->tracking->floor_zxid = sync->stats->newest_zxid;
    remove_cached(sync, z);
}

void pk_cached_age(struct pk_sync *sync, int64_t keep_us)
{
    while (!pk_list_empty(&sync->retired)) {
        struct pk_writeback *w = PK_CONTAINER(sync->retired.next, struct pk_writeback, due);
        struct pk_znode *z = w->cached.znode;
        if (sync->conns->now_us - w->since_us < keep_us)
            return;
        remove_cached(sync, z);
        pk_store_tidy(sync->store, z);
    }
}

void pk_permits_end(struct pk_sync *sync, struct pk_client *c)
{
    PK_LIST_EACH(at, tmp, &c->permits) {
        struct pk_permit *p = PK_CONTAINER(at, struct pk_permit, of_client);
        struct pk_znode *z = p->writeback->cached.znode;
        pk_permit_take(sync, p);
        pk_cached_end_unused(sync, z);
        pk_store_tidy(sync->store, z);
    }
}

void pk_writeback_client_ends(struct pk_sync *sync, struct pk_client *c)
{
    PK_LIST_EACH(at, tmp, &c->dirty)
        pk_writeback_orphan(sync, PK_CONTAINER(at, struct pk_writeback, of_writer));
    pk_permits_end(sync, c);
}

/* A TTL znode dies when nobody writes it, so in a mode that does not flush its refreshes are the ensemble's. */
static bool may_cache(const struct pk_sync *sync, const struct pk_client *c, const struct pk_znode *z,
                      size_t data, const struct pk_stat *st)
{
    const struct pk_mount *m = pk_store_mount(sync->store, z);
    if (m->config.mode == PK_MODE_RELAY || m->anywhere > 0 || z->parent == NULL || pk_znode_held(z))
        return false;
    if (z->no_local_creates && m->config.mode == PK_MODE_PACEMAKER)
        return false;
    return (st->ephemeral_owner == 0 || st->ephemeral_owner == c->up.session_id) &&
           pk_store_has_room(m, z->cached == NULL, z->len + data, data);
}

static void init_lists(struct pk_writeback *w)
{
    struct pk_list *lists[] = {&w->permits, &w->of_writer, &w->due, &w->waiters};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        pk_list_init(lists[i]);
}

void pk_writeback_adopt(struct pk_sync *sync, struct pk_znode *z, const struct pk_adopted *adopted)
{
    struct pk_writeback *w = pk_writeback_of(z);
    init_lists(w);
    w->aversion = adopted->aversion;
    w->uncertain = adopted->uncertain;
    w->late = adopted->late;
    w->sent = pk_blob_ref(adopted->sent);
    w->late_data = pk_blob_ref(adopted->late_data);
    if (w->cached.value.retired) {
        move(sync, w, PK_WRITEBACK_RETIRED);
        w->since_us = sync->conns->now_us;
        return;
    }
    pk_writeback_requeue(sync, w);
    pk_cached_end_unused(sync, z);
}

/* The ensemble has taken this data: a new value, or the one there is moves on. */
static enum pk_err move_on(struct pk_sync *sync, struct pk_znode *z, struct pk_blob *data,
                           const struct pk_stat *st)
{
    bool fresh_one = z->cached == NULL;
    if (!fresh_one && z->cached->value.base.aversion != st->aversion)
        pk_permits_take_all(sync, pk_writeback_of(z)); /* others may have lost the right to write */
    struct pk_change c = {.kind = PK_CHANGE_CACHED, .znode = z, .blob = data, .stat = st};
    enum pk_err err = pk_store_apply(sync->store, &c);
    if (err != PK_OK)
        return err;
    struct pk_writeback *w = pk_writeback_of(z);
    if (fresh_one)
        init_lists(w);
    move(sync, w, PK_WRITEBACK_CLEAN);
    return PK_OK;
}

enum pk_err pk_cached_written(struct pk_sync *sync, struct pk_client *c, struct pk_znode *z,
                              struct pk_blob *data, const struct pk_stat *st, int64_t zxid)
{
    const struct pk_stat *base = z->cached != NULL ? &z->cached->value.base : NULL;
    if ((base != NULL && base->czxid > st->czxid) ||
        (z->tracking != NULL && zxid < z->tracking->changed_zxid) ||
        zxid < pk_store_mount(sync->store, z)->changed_zxid)
        return PK_OK;
    if (base != NULL && (base->czxid != st->czxid || pk_cached_pending(z->cached) != 0)) {
        pk_cached_end(sync, z, PK_CACHED_GONE);
        base = NULL;
    }
    bool newer = base == NULL || (int32_t)((uint32_t)st->version - (uint32_t)base->version) > 0;
    if (newer && !may_cache(sync, c, z, data != NULL ? data->len : 0, st)) {
        if (base != NULL)
            pk_cached_end(sync, z, PK_CACHED_OVER);
        return PK_OK;
    }
    if (newer && move_on(sync, z, data, st) != PK_OK)
        return PK_ENOMEM;
    if (z->cached->value.retired)
        return PK_OK;
    struct pk_change confirmed = {.kind = PK_CHANGE_CONFIRMED, .znode = z, .zxid = zxid};
    (void)!pk_store_apply(sync->store, &confirmed); /* cannot fail */
    enum pk_err err = pk_permit_give(sync, c, pk_writeback_of(z));
    pk_cached_end_unused(sync, z);
    return err;
}

void pk_cached_denied(struct pk_sync *sync, struct pk_client *c, struct pk_znode *z)
{
    struct pk_permit *p = z->cached != NULL ? pk_permit_find(c, pk_writeback_of(z)) : NULL;
    if (p == NULL)
        return;
    pk_permit_take(sync, p);
    pk_cached_end_unused(sync, z);
}

void pk_cached_read(const struct pk_client *c, const struct pk_znode *z)
{
    struct pk_permit *p = pk_permit_find(c, pk_writeback_of(z));
    if (p != NULL)
        p->read = true;
}

void pk_cached_end_unused(struct pk_sync *sync, struct pk_znode *z)
{
    struct pk_writeback *w = z != NULL ? pk_writeback_of(z) : NULL;
    if (w == NULL || w->state == PK_WRITEBACK_RETIRED || pk_cached_pending(&w->cached) != 0)
        return;
    if (pk_list_empty(&w->permits) || pk_store_mount(sync->store, z)->config.mode == PK_MODE_RELAY)
        pk_cached_end(sync, z, PK_CACHED_OVER);
}

void pk_cached_drop_all(struct pk_sync *sync)
{
    for (size_t i = 0; i < sync->store->nmounts; i++) {
        struct pk_znode *root = sync->store->mounts[i].root;
        for (struct pk_znode *z = root; z != NULL; z = pk_znode_walk(root, z))
            if (z->cached != NULL)
                pk_cached_end(sync, z, PK_CACHED_GONE);
    }
}
