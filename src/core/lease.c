/*
 * Leases and grants.
 *
 * Happy path: a beat's setData finds the connection's grant, is absorbed, and marks the lease dirty.
 * Failure modes: whatever makes the copy doubtful (a foreign write, an ACL changed, a recreated znode) ends the lease or
 * its grants, and the next request is the ensemble's; absorbed writes that nobody can flush are counted.
 */
#include "core/lease.h"

#include <string.h>

#include "core/flush.h"
#include "core/own.h"
#include "core/touch.h"

/* Bytes that each replayed write adds to a flush beside its path, and a flush beside all. */
enum { STEP_BYTES = 32, FLUSH_BYTES = 128 };
/* How long a client may take to come back for what only it may flush. */
enum { PATIENCE_US = 5 * 1000 * 1000 };

static struct pk_grant *grant_of(const struct pk_conn *c, const struct pk_lease *l)
{
    for (struct pk_list *at = l->grants.next; at != &l->grants; at = at->next) {
        struct pk_grant *g = PK_CONTAINER(at, struct pk_grant, of_lease);
        if (g->conn == c)
            return g;
    }
    return NULL;
}

static void drop_grant(struct core *core, struct pk_grant *g)
{
    pk_list_del(&g->of_conn);
    pk_list_del(&g->of_lease);
    pk_pool_put(&core->grants, g);
    core->stats.grants--;
    core->store.losses++;
}

void pk_lease_drop_grants(struct core *core, struct pk_lease *l)
{
    PK_LIST_EACH(at, tmp, &l->grants)
        drop_grant(core, PK_CONTAINER(at, struct pk_grant, of_lease));
}

/* True when the flush that this write makes longer would still be a frame that servers take. */
static bool fits(const struct core *core, const struct pk_lease *l, size_t data)
{
    size_t steps = (size_t)pk_lease_pending(l) + 1;
    size_t step = pk_znode_path_len(l->znode) + STEP_BYTES;
    return data + steps * step + FLUSH_BYTES <= core->config.max_frame;
}

/* What memory would say of the znode is what the ensemble says, but for what is absorbed. Children of the ensemble's own
 * may be ephemeral and go without a word to us, so a znode that has some is never answered for. */
static bool fresh(const struct pk_lease *l, const struct pk_znode *z)
{
    return l->shown_zxid >= l->changed_zxid && l->suspect_zxid == 0 && l->base.num_children == 0 &&
           !z->settling && !pk_touched(z);
}

bool pk_lease_absorbs(const struct core *core, struct pk_conn *c, const struct pk_znode *z, size_t data)
{
    const struct pk_lease *l = z->lease;
    const struct pk_mount *m = pk_store_mount(&core->store, z);
    size_t before = l->data != NULL ? l->data->len : 0;
    return m->config.mode != PK_MODE_RELAY && l->holds == 0 && grant_of(c, l) != NULL && fresh(l, z) &&
           pk_lease_pending(l) < PK_PENDING_MAX && fits(core, l, data) && !pk_data_watched(core, z) &&
           pk_store_has_room(m, false, data > before ? data - before : 0, data);
}

bool pk_lease_knows(const struct pk_store *store, struct pk_conn *c, const struct pk_znode *z)
{
    const struct pk_grant *g = grant_of(c, z->lease);
    return g != NULL && g->read && fresh(z->lease, z) &&
           pk_store_mount(store, z)->config.mode != PK_MODE_RELAY;
}

static void count_dirty(struct core *core, struct pk_lease *l, bool dirty)
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
static void no_writer(struct core *core, struct pk_lease *l)
{
    pk_list_del(&l->of_writer);
    if (l->writer != NULL)
        pk_conn_wake(core, l->writer);
    l->writer = NULL;
}

/* Who is to flush it: its writer in time, we at once, or a client that asks for it soon. */
static struct pk_list *home_of(struct core *core, const struct pk_lease *l)
{
    if (l->own_refused)
        return &core->refused;
    if (l->writer == NULL)
        return &core->orphans;
    return &pk_store_mount(&core->store, l->znode)->due;
}

void pk_lease_settle(struct core *core, struct pk_lease *l)
{
    if (l->over)
        return;
    bool was_dirty = l->dirty;
    count_dirty(core, l, pk_lease_pending(l) != 0);
    if (!l->dirty)
        no_writer(core, l);
    if (was_dirty && !l->dirty && l->holds > 0)
        pk_core_wake_waiting(core);
    if (!l->dirty || l->writer != NULL) {
        l->own_refused = false;
        l->refused = (struct pk_id){0, 0};
    }
    struct pk_list *home = home_of(core, l);
    if (!l->dirty || pk_lease_in_flight(l) || l->home != home)
        pk_list_del(&l->due);
    l->home = home;
    if (l->dirty && !pk_lease_in_flight(l) && pk_list_empty(&l->due))
        pk_list_add_tail(home, &l->due);
}

void pk_lease_give_up(struct core *core)
{
    PK_LIST_EACH(at, tmp, &core->refused) {
        struct pk_lease *l = PK_CONTAINER(at, struct pk_lease, due);
        struct pk_znode *z = l->znode;
        if (!core->draining && core->now_us - l->refused_us < PATIENCE_US)
            continue;
        pk_lease_end(core, z, PK_LEASE_DROPPED);
        pk_store_tidy(&core->store, z);
    }
}

void pk_lease_orphan(struct core *core, struct pk_lease *l)
{
    no_writer(core, l);
    pk_lease_settle(core, l);
}

void pk_lease_absorbed(struct core *core, struct pk_conn *c, struct pk_lease *l)
{
    bool settled = l->dirty && l->writer == c;
    if (l->writer != c) {
        pk_list_del(&l->of_writer);
        pk_list_add_tail(&c->dirty, &l->of_writer);
        l->writer = c;
    }
    if (!settled)
        pk_lease_settle(core, l);
    core->stats.refreshes++;
    if (pk_lease_pending(l) >= PK_PENDING_EARLY)
        pk_flush_one(core, l);
}

void pk_lease_unref(struct core *core, struct pk_lease *l)
{
    if (l->znode == NULL && l->holds == 0 && l->inflight == 0 && !l->looking)
        pk_pool_put(&core->leases, l);
}

enum pk_err pk_lease_hold(struct core *core, struct pk_conn *c, struct pk_znode *const *v, uint32_t n)
{
    struct pk_holds *h = &c->holds;
    pk_lease_release(core, c);
    if (h->cap < n) {
        struct pk_lease **grown = pk_resize(core->mem, h->v, n * sizeof(struct pk_lease *));
        if (grown == NULL)
            return PK_ENOMEM;
        h->v = grown;
        h->cap = n;
    }
    for (uint32_t i = 0; i < n; i++) {
        h->v[i] = v[i]->lease;
        h->v[i]->holds++;
    }
    h->n = n;
    return PK_OK;
}

void pk_lease_let_go(struct core *core, struct pk_conn *c)
{
    struct pk_holds *h = &c->holds;
    for (uint32_t i = 0; i < h->n; i++) {
        h->v[i]->holds--;
        pk_lease_unref(core, h->v[i]);
    }
    h->n = 0;
}

/* What the end of a lease does to writes that were not flushed. */
static void count_end(struct core *core, const struct pk_lease *l, enum pk_lease_end why)
{
    int64_t pending = pk_lease_pending(l);
    if (why == PK_LEASE_FOREIGN && !l->over)
        core->stats.foreign_writes++;
    if (pending == 0)
        return;
    core->stats.writes_dropped += pending;
    pk_core_note(core, why == PK_LEASE_DROPPED ? PK_NOTE_WRITES_DROPPED : PK_NOTE_FOREIGN_WRITE, l->writer,
                 pk_store_path(&core->store, l->znode), pending);
}

/* For servers that lag: the znode exists from base.czxid on, with what readers have seen from base.mzxid on. */
static void remember(struct core *core, struct pk_znode *z, const struct pk_stat *base)
{
    if ((z->state != PK_ZNODE_KNOWN && z->state != PK_ZNODE_SUNK) ||
        pk_store_remember(&core->store, z, core->now_us) != PK_OK)
        return;
    pk_store_seen(z, base->czxid);
    z->state = PK_ZNODE_SUNK;
    z->czxid = base->czxid;
    z->mzxid = base->mzxid;
}

/* Nothing is absorbed any more. For a while the data and counters stay for answers of servers that lag, so that nobody
 * who has seen them goes back. */
static void retire(struct core *core, struct pk_lease *l)
{
    struct pk_znode *z = l->znode;
    l->over = true;
    l->over_us = core->now_us;
    pk_list_add_tail(&core->over, &l->due);
    remember(core, z, &l->base);
}

static void remove_lease(struct core *core, struct pk_znode *z)
{
    struct pk_lease *l = z->lease;
    pk_list_del(&l->due);
    struct pk_change change = {.kind = PK_CHANGE_UNLEASED, .znode = z};
    if (pk_store_apply(&core->store, &change) == PK_OK)
        pk_lease_unref(core, l);
}

void pk_lease_end(struct core *core, struct pk_znode *z, enum pk_lease_end why)
{
    struct pk_lease *l = z->lease;
    bool clean = pk_lease_pending(l) == 0;
    if (l->holds > 0)
        pk_core_wake_waiting(core);
    if (l->over && why != PK_LEASE_GONE)
        return;
    count_end(core, l, why);
    pk_lease_drop_grants(core, l);
    count_dirty(core, l, false);
    pk_list_del(&l->due);
    no_writer(core, l);
    core->store.losses++;
    if (why != PK_LEASE_GONE && clean && l->inflight == 0) {
        retire(core, l);
        return;
    }
    if (why != PK_LEASE_GONE)
        remember(core, z, &l->base);
    if (pk_store_remember(&core->store, z, core->now_us) == PK_OK)
        z->aux->floor_zxid = core->stats.newest_zxid;
    remove_lease(core, z);
}

void pk_lease_age(struct core *core, int64_t keep_us)
{
    while (!pk_list_empty(&core->over)) {
        struct pk_lease *l = PK_CONTAINER(core->over.next, struct pk_lease, due);
        struct pk_znode *z = l->znode;
        if (core->now_us - l->over_us < keep_us)
            return;
        remove_lease(core, z);
        pk_store_tidy(&core->store, z);
    }
}

void pk_grants_end(struct core *core, struct pk_conn *c)
{
    PK_LIST_EACH(at, tmp, &c->grants) {
        struct pk_grant *g = PK_CONTAINER(at, struct pk_grant, of_conn);
        struct pk_lease *l = g->lease;
        drop_grant(core, g);
        struct pk_znode *z = l->znode;
        pk_lease_end_unused(core, l);
        pk_store_tidy(&core->store, z);
    }
}

void pk_lease_conn_ends(struct core *core, struct pk_conn *c)
{
    PK_LIST_EACH(at, tmp, &c->dirty)
        pk_lease_orphan(core, PK_CONTAINER(at, struct pk_lease, of_writer));
    pk_grants_end(core, c);
    pk_own_want(core);
}

static enum pk_err grant(struct core *core, struct pk_conn *c, struct pk_lease *l)
{
    if (l->base.ephemeral_owner != 0 && l->base.ephemeral_owner != c->session_id)
        return PK_OK;
    if (grant_of(c, l) != NULL)
        return PK_OK;
    struct pk_grant *g = pk_pool_get(&core->grants);
    if (g == NULL)
        return PK_ENOMEM;
    *g = (struct pk_grant){.conn = c, .lease = l};
    pk_list_add_tail(&c->grants, &g->of_conn);
    pk_list_add_tail(&l->grants, &g->of_lease);
    core->stats.grants++;
    return PK_OK;
}

/* A TTL znode dies when nobody writes it, so in a mode that does not flush its refreshes are the ensemble's. */
static bool may_lease(const struct core *core, const struct pk_conn *c, const struct pk_znode *z, size_t data,
                      const struct pk_stat *st)
{
    const struct pk_mount *m = pk_store_mount(&core->store, z);
    if (m->config.mode == PK_MODE_RELAY || z->parent == NULL || pk_znode_held(z))
        return false;
    if (z->no_births && m->config.mode == PK_MODE_PACEMAKER)
        return false;
    return (st->ephemeral_owner == 0 || st->ephemeral_owner == c->session_id) &&
           pk_store_has_room(m, z->lease == NULL, z->len + data, data);
}

static struct pk_lease *make(struct core *core, struct pk_znode *z)
{
    struct pk_lease *l = pk_pool_get(&core->leases);
    if (l == NULL)
        return NULL;
    *l = (struct pk_lease){.znode = z};
    pk_list_init(&l->grants);
    pk_list_init(&l->of_writer);
    pk_list_init(&l->due);
    return l;
}

/* The ensemble has taken this data: a new lease, or the one there is moves on. */
static enum pk_err move_on(struct core *core, struct pk_znode *z, struct pk_blob *data,
                           const struct pk_stat *st)
{
    struct pk_lease *l = z->lease != NULL ? z->lease : make(core, z);
    if (l == NULL)
        return PK_ENOMEM;
    if (z->lease != NULL && l->base.aversion != st->aversion)
        pk_lease_drop_grants(core, l); /* others may have lost the right to write */
    struct pk_change change = {.kind = PK_CHANGE_LEASED, .znode = z, .lease = l, .blob = data, .stat = st};
    enum pk_err err = pk_store_apply(&core->store, &change);
    if (l->over)
        pk_list_del(&l->due);
    l->over = false;
    return err;
}

enum pk_err pk_lease_granted(struct core *core, struct pk_conn *c, struct pk_znode *z, struct pk_blob *data,
                             const struct pk_stat *st, int64_t zxid)
{
    struct pk_lease *l = z->lease;
    if ((l != NULL && l->base.czxid > st->czxid) || (z->aux != NULL && zxid < z->aux->changed_zxid))
        return PK_OK;
    if (l != NULL && (l->base.czxid != st->czxid || pk_lease_pending(l) != 0)) {
        pk_lease_end(core, z, PK_LEASE_GONE);
        l = NULL;
    }
    bool newer = l == NULL || (int32_t)((uint32_t)st->version - (uint32_t)l->base.version) > 0;
    if (newer && !may_lease(core, c, z, data != NULL ? data->len : 0, st)) {
        if (l != NULL)
            pk_lease_end(core, z, PK_LEASE_OVER);
        return PK_OK;
    }
    if (newer && move_on(core, z, data, st) != PK_OK)
        return PK_ENOMEM;
    l = z->lease;
    if (l->over)
        return PK_OK;
    if (l->shown_zxid < zxid)
        l->shown_zxid = zxid;
    if (zxid >= l->suspect_zxid)
        l->suspect_zxid = 0;
    enum pk_err err = grant(core, c, l);
    pk_lease_end_unused(core, l);
    return err;
}

void pk_lease_denied(struct core *core, struct pk_conn *c, struct pk_znode *z)
{
    struct pk_grant *g = z->lease != NULL ? grant_of(c, z->lease) : NULL;
    if (g == NULL)
        return;
    drop_grant(core, g);
    pk_lease_end_unused(core, z->lease);
}

void pk_lease_read(struct pk_conn *c, struct pk_znode *z)
{
    struct pk_grant *g = grant_of(c, z->lease);
    if (g != NULL)
        g->read = true;
}

void pk_lease_end_unused(struct core *core, struct pk_lease *l)
{
    if (l->znode == NULL || l->over || pk_lease_pending(l) != 0)
        return;
    if (pk_list_empty(&l->grants) || pk_store_mount(&core->store, l->znode)->config.mode == PK_MODE_RELAY)
        pk_lease_end(core, l->znode, PK_LEASE_OVER);
}

void pk_lease_drop_all(struct core *core)
{
    for (size_t i = 0; i < core->store.nmounts; i++) {
        struct pk_znode *root = core->store.mounts[i].root;
        for (struct pk_znode *z = root; z != NULL; z = pk_znode_walk(root, z))
            if (z->lease != NULL)
                pk_lease_end(core, z, PK_LEASE_GONE);
    }
}
