/*
 * Cached znodes and write permits.
 *
 * Happy path: a beat's setData finds the connection's write permit, is absorbed, and marks the cached znode dirty.
 * Failure modes: whatever makes the copy doubtful (a foreign write, an ACL changed, a recreated znode) ends the cached znode or
 * its write permits, and the next request is the ensemble's; absorbed writes that nobody can flush are counted.
 */
#include "core/cached.h"

#include <string.h>

#include "core/flush.h"
#include "core/intent.h"
#include "core/service.h"

/* Bytes that each replayed write adds to a flush beside its path, and a flush beside all. */
enum { STEP_BYTES = 32, FLUSH_BYTES = 128 };
/* How long a client may take to come back for what only it may flush. */
enum { PATIENCE_US = 5 * 1000 * 1000 };

static struct pk_permit *permit_of(const struct pk_conn *c, const struct pk_cached *l)
{
    for (struct pk_list *at = l->permits.next; at != &l->permits; at = at->next) {
        struct pk_permit *g = PK_CONTAINER(at, struct pk_permit, of_cached);
        if (g->conn == c)
            return g;
    }
    return NULL;
}

static void drop_permit(struct core *core, struct pk_permit *g)
{
    pk_list_del(&g->of_conn);
    pk_list_del(&g->of_cached);
    pk_pool_put(&core->permits, g);
    core->stats.write_permits--;
    core->store.losses++;
}

void pk_cached_drop_permits(struct core *core, struct pk_cached *l)
{
    PK_LIST_EACH(at, tmp, &l->permits)
        drop_permit(core, PK_CONTAINER(at, struct pk_permit, of_cached));
}

/* True when the flush that this write makes longer would still be a frame that servers take. */
static bool fits(const struct core *core, const struct pk_cached *l, size_t data)
{
    size_t steps = (size_t)pk_cached_pending(l) + 1;
    size_t step = pk_znode_path_len(l->znode) + STEP_BYTES;
    return data + steps * step + FLUSH_BYTES <= core->config.max_frame;
}

/* What memory would say of the znode is what the ensemble says, but for what is absorbed. Children of the ensemble's own
 * may be ephemeral and go without a word to us, so a znode that has some is never answered for. */
static bool fresh(const struct pk_cached *l, const struct pk_znode *z)
{
    return l->shown_zxid >= l->changed_zxid && l->suspect_zxid == 0 && l->base.num_children == 0 &&
           !z->replaying_pairs && !pk_intended(z);
}

bool pk_cached_absorbs(const struct core *core, struct pk_conn *c, const struct pk_znode *z, size_t data)
{
    const struct pk_cached *l = z->cached;
    const struct pk_mount *m = pk_store_mount(&core->store, z);
    size_t before = l->data != NULL ? l->data->len : 0;
    return m->config.mode != PK_MODE_RELAY && l->holds == 0 && permit_of(c, l) != NULL && fresh(l, z) &&
           pk_cached_pending(l) < PK_PENDING_MAX && fits(core, l, data) && !pk_data_watched(core, z) &&
           pk_store_has_room(m, false, data > before ? data - before : 0, data);
}

bool pk_cached_knows(const struct pk_store *store, struct pk_conn *c, const struct pk_znode *z)
{
    const struct pk_permit *g = permit_of(c, z->cached);
    return g != NULL && g->read && fresh(z->cached, z) &&
           pk_store_mount(store, z)->config.mode != PK_MODE_RELAY;
}

static void count_dirty(struct core *core, struct pk_cached *l, bool dirty)
{
    if (dirty == l->dirty)
        return;
    struct pk_mount *m = pk_store_mount(&core->store, l->znode);
    l->dirty = dirty;
    l->dirty_us = core->now_us;
    m->dirty = dirty ? m->dirty + 1 : m->dirty - 1;
    core->stats.dirty += dirty ? 1 : -1;
}

/* Its writer need not wait for it any more, if it is on its way out. */
static void no_writer(struct core *core, struct pk_cached *l)
{
    pk_list_del(&l->of_writer);
    if (l->writer != NULL)
        pk_conn_wake(core, l->writer);
    l->writer = NULL;
}

/* Who is to flush it: its writer in time, we at once, or a client that asks for it soon. */
static struct pk_list *home_of(struct core *core, const struct pk_cached *l)
{
    if (l->service_refused)
        return &core->refused;
    if (l->writer == NULL)
        return &core->orphans;
    return &pk_store_mount(&core->store, l->znode)->due;
}

void pk_cached_settle(struct core *core, struct pk_cached *l)
{
    if (l->over)
        return;
    bool was_dirty = l->dirty;
    count_dirty(core, l, pk_cached_pending(l) != 0);
    if (!l->dirty)
        no_writer(core, l);
    if (was_dirty && !l->dirty && l->holds > 0)
        pk_core_wake_waiting(core);
    if (!l->dirty || l->writer != NULL) {
        l->service_refused = false;
        l->refused = (struct pk_id){0, 0};
    }
    struct pk_list *home = home_of(core, l);
    if (!l->dirty || pk_cached_in_flight(l) || l->home != home)
        pk_list_del(&l->due);
    l->home = home;
    if (l->dirty && !pk_cached_in_flight(l) && pk_list_empty(&l->due))
        pk_list_add_tail(home, &l->due);
}

void pk_cached_give_up(struct core *core)
{
    PK_LIST_EACH(at, tmp, &core->refused) {
        struct pk_cached *l = PK_CONTAINER(at, struct pk_cached, due);
        struct pk_znode *z = l->znode;
        if (!core->draining && core->now_us - l->refused_us < PATIENCE_US)
            continue;
        pk_cached_end(core, z, PK_CACHED_DROPPED);
        pk_store_tidy(&core->store, z);
    }
}

void pk_cached_orphan(struct core *core, struct pk_cached *l)
{
    no_writer(core, l);
    pk_cached_settle(core, l);
}

void pk_cached_absorbed(struct core *core, struct pk_conn *c, struct pk_cached *l)
{
    bool settled = l->dirty && l->writer == c;
    if (l->writer != c) {
        pk_list_del(&l->of_writer);
        pk_list_add_tail(&c->dirty, &l->of_writer);
        l->writer = c;
    }
    if (!settled)
        pk_cached_settle(core, l);
    core->stats.refreshes++;
    if (pk_cached_pending(l) >= PK_PENDING_EARLY)
        pk_flush_one(core, l);
}

void pk_cached_unref(struct core *core, struct pk_cached *l)
{
    if (l->znode == NULL && l->holds == 0 && l->inflight == 0 && !l->looking)
        pk_pool_put(&core->cached_znodes, l);
}

enum pk_err pk_cached_hold(struct core *core, struct pk_conn *c, struct pk_znode *const *v, uint32_t n)
{
    struct pk_holds *h = &c->holds;
    pk_cached_release(core, c);
    if (h->cap < n) {
        struct pk_cached **grown = pk_resize(core->mem, h->v, n * sizeof(struct pk_cached *));
        if (grown == NULL)
            return PK_ENOMEM;
        h->v = grown;
        h->cap = n;
    }
    for (uint32_t i = 0; i < n; i++) {
        h->v[i] = v[i]->cached;
        h->v[i]->holds++;
    }
    h->n = n;
    return PK_OK;
}

void pk_cached_let_go(struct core *core, struct pk_conn *c)
{
    struct pk_holds *h = &c->holds;
    for (uint32_t i = 0; i < h->n; i++) {
        h->v[i]->holds--;
        pk_cached_unref(core, h->v[i]);
    }
    h->n = 0;
}

/* What the end of a cached znode does to writes that were not flushed. */
static void count_end(struct core *core, const struct pk_cached *l, enum pk_cached_end why)
{
    int64_t pending = pk_cached_pending(l);
    if (why == PK_CACHED_FOREIGN && !l->over)
        core->stats.foreign_writes++;
    if (pending == 0)
        return;
    core->stats.writes_dropped += pending;
    pk_core_log_event(core,
                      why == PK_CACHED_DROPPED ? PK_LOG_EVENT_WRITES_DROPPED : PK_LOG_EVENT_FOREIGN_WRITE,
                      l->writer, pk_store_path(&core->store, l->znode), pending);
}

/* For servers that lag: the znode exists from base.czxid on, with what readers have seen from base.mzxid on. */
static void remember(struct core *core, struct pk_znode *z, const struct pk_stat *base)
{
    if ((z->state != PK_ZNODE_TRACKED && z->state != PK_ZNODE_PROMOTED) ||
        pk_store_remember(&core->store, z, core->now_us) != PK_OK)
        return;
    pk_store_seen(z, base->czxid);
    z->state = PK_ZNODE_PROMOTED;
    z->czxid = base->czxid;
    z->mzxid = base->mzxid;
}

/* Nothing is absorbed any more. For a while the data and counters stay for answers of servers that lag, so that nobody
 * who has seen them goes back. */
static void retire(struct core *core, struct pk_cached *l)
{
    struct pk_znode *z = l->znode;
    l->over = true;
    l->over_us = core->now_us;
    pk_list_add_tail(&core->over, &l->due);
    remember(core, z, &l->base);
}

static void remove_cached(struct core *core, struct pk_znode *z)
{
    struct pk_cached *l = z->cached;
    pk_list_del(&l->due);
    struct pk_change change = {.kind = PK_CHANGE_UNCACHED, .znode = z};
    if (pk_store_apply(&core->store, &change) == PK_OK)
        pk_cached_unref(core, l);
}

void pk_cached_end(struct core *core, struct pk_znode *z, enum pk_cached_end why)
{
    struct pk_cached *l = z->cached;
    bool clean = pk_cached_pending(l) == 0;
    if (l->holds > 0)
        pk_core_wake_waiting(core);
    if (l->over && why != PK_CACHED_GONE)
        return;
    count_end(core, l, why);
    pk_cached_drop_permits(core, l);
    count_dirty(core, l, false);
    pk_list_del(&l->due);
    no_writer(core, l);
    core->store.losses++;
    if (why != PK_CACHED_GONE && clean && l->inflight == 0) {
        retire(core, l);
        return;
    }
    if (why != PK_CACHED_GONE)
        remember(core, z, &l->base);
    if (pk_store_remember(&core->store, z, core->now_us) == PK_OK)
        z->aux->floor_zxid = core->stats.newest_zxid;
    remove_cached(core, z);
}

void pk_cached_age(struct core *core, int64_t keep_us)
{
    while (!pk_list_empty(&core->over)) {
        struct pk_cached *l = PK_CONTAINER(core->over.next, struct pk_cached, due);
        struct pk_znode *z = l->znode;
        if (core->now_us - l->over_us < keep_us)
            return;
        remove_cached(core, z);
        pk_store_tidy(&core->store, z);
    }
}

void pk_permits_end(struct core *core, struct pk_conn *c)
{
    PK_LIST_EACH(at, tmp, &c->permits) {
        struct pk_permit *g = PK_CONTAINER(at, struct pk_permit, of_conn);
        struct pk_cached *l = g->cached;
        drop_permit(core, g);
        struct pk_znode *z = l->znode;
        pk_cached_end_unused(core, l);
        pk_store_tidy(&core->store, z);
    }
}

void pk_cached_conn_ends(struct core *core, struct pk_conn *c)
{
    PK_LIST_EACH(at, tmp, &c->dirty)
        pk_cached_orphan(core, PK_CONTAINER(at, struct pk_cached, of_writer));
    pk_permits_end(core, c);
    pk_service_want(core);
}

static enum pk_err permit(struct core *core, struct pk_conn *c, struct pk_cached *l)
{
    if (l->base.ephemeral_owner != 0 && l->base.ephemeral_owner != c->session_id)
        return PK_OK;
    if (permit_of(c, l) != NULL)
        return PK_OK;
    struct pk_permit *g = pk_pool_get(&core->permits);
    if (g == NULL)
        return PK_ENOMEM;
    *g = (struct pk_permit){.conn = c, .cached = l};
    pk_list_add_tail(&c->permits, &g->of_conn);
    pk_list_add_tail(&l->permits, &g->of_cached);
    core->stats.write_permits++;
    return PK_OK;
}

/* A TTL znode dies when nobody writes it, so in a mode that does not flush its refreshes are the ensemble's. */
static bool may_cached(const struct core *core, const struct pk_conn *c, const struct pk_znode *z,
                       size_t data, const struct pk_stat *st)
{
    const struct pk_mount *m = pk_store_mount(&core->store, z);
    if (m->config.mode == PK_MODE_RELAY || z->parent == NULL || pk_znode_held(z))
        return false;
    if (z->no_local_creates && m->config.mode == PK_MODE_PACEMAKER)
        return false;
    return (st->ephemeral_owner == 0 || st->ephemeral_owner == c->session_id) &&
           pk_store_has_room(m, z->cached == NULL, z->len + data, data);
}

static struct pk_cached *make(struct core *core, struct pk_znode *z)
{
    struct pk_cached *l = pk_pool_get(&core->cached_znodes);
    if (l == NULL)
        return NULL;
    *l = (struct pk_cached){.znode = z};
    pk_list_init(&l->permits);
    pk_list_init(&l->of_writer);
    pk_list_init(&l->due);
    return l;
}

/* The ensemble has taken this data: a new cached znode, or the one there is moves on. */
static enum pk_err move_on(struct core *core, struct pk_znode *z, struct pk_blob *data,
                           const struct pk_stat *st)
{
    struct pk_cached *l = z->cached != NULL ? z->cached : make(core, z);
    if (l == NULL)
        return PK_ENOMEM;
    if (z->cached != NULL && l->base.aversion != st->aversion)
        pk_cached_drop_permits(core, l); /* others may have lost the right to write */
    struct pk_change change = {.kind = PK_CHANGE_CACHED, .znode = z, .cached = l, .blob = data, .stat = st};
    enum pk_err err = pk_store_apply(&core->store, &change);
    if (l->over)
        pk_list_del(&l->due);
    l->over = false;
    return err;
}

enum pk_err pk_cached_permitted(struct core *core, struct pk_conn *c, struct pk_znode *z,
                                struct pk_blob *data, const struct pk_stat *st, int64_t zxid)
{
    struct pk_cached *l = z->cached;
    if ((l != NULL && l->base.czxid > st->czxid) || (z->aux != NULL && zxid < z->aux->changed_zxid))
        return PK_OK;
    if (l != NULL && (l->base.czxid != st->czxid || pk_cached_pending(l) != 0)) {
        pk_cached_end(core, z, PK_CACHED_GONE);
        l = NULL;
    }
    bool newer = l == NULL || (int32_t)((uint32_t)st->version - (uint32_t)l->base.version) > 0;
    if (newer && !may_cached(core, c, z, data != NULL ? data->len : 0, st)) {
        if (l != NULL)
            pk_cached_end(core, z, PK_CACHED_OVER);
        return PK_OK;
    }
    if (newer && move_on(core, z, data, st) != PK_OK)
        return PK_ENOMEM;
    l = z->cached;
    if (l->over)
        return PK_OK;
    if (l->shown_zxid < zxid)
        l->shown_zxid = zxid;
    if (zxid >= l->suspect_zxid)
        l->suspect_zxid = 0;
    enum pk_err err = permit(core, c, l);
    pk_cached_end_unused(core, l);
    return err;
}

void pk_cached_denied(struct core *core, struct pk_conn *c, struct pk_znode *z)
{
    struct pk_permit *g = z->cached != NULL ? permit_of(c, z->cached) : NULL;
    if (g == NULL)
        return;
    drop_permit(core, g);
    pk_cached_end_unused(core, z->cached);
}

void pk_cached_read(struct pk_conn *c, struct pk_znode *z)
{
    struct pk_permit *g = permit_of(c, z->cached);
    if (g != NULL)
        g->read = true;
}

void pk_cached_end_unused(struct core *core, struct pk_cached *l)
{
    if (l->znode == NULL || l->over || pk_cached_pending(l) != 0)
        return;
    if (pk_list_empty(&l->permits) || pk_store_mount(&core->store, l->znode)->config.mode == PK_MODE_RELAY)
        pk_cached_end(core, l->znode, PK_CACHED_OVER);
}

void pk_cached_drop_all(struct core *core)
{
    for (size_t i = 0; i < core->store.nmounts; i++) {
        struct pk_znode *root = core->store.mounts[i].root;
        for (struct pk_znode *z = root; z != NULL; z = pk_znode_walk(root, z))
            if (z->cached != NULL)
                pk_cached_end(core, z, PK_CACHED_GONE);
    }
}
