/*
 * The one place where held znodes change.
 *
 * Happy path: a beat is PK_CHANGE_SET: data in place, version + 1, a new zxid and time.
 * Failure modes: out of memory leaves everything as it was. Zxids of a znode never fall: each is above the newest seen
 * from the ensemble and above the znode's own previous one; the mount remembers those of znodes that were deleted. The
 * pzxid of a parent is one that the ensemble's next transaction may have. A change that the state does not allow is a
 * bug of the caller's and ends the process.
 */
#define PK_STORE_APPLY
#include "core/store/apply.h"

#include "base/check.h"
#include "core/store/account.h"
#include "core/store/store.h"

#define BIT(state) (1u << PK_ZNODE_##state)

bool pk_znode_may_move(enum pk_znode_state from, enum pk_znode_state to)
{
    static const uint8_t edges[PK_ZNODE_STATES] = {
        [PK_ZNODE_TRACKED] = BIT(LOCAL) | BIT(PROMOTED),
        [PK_ZNODE_LOCAL] = BIT(PROMOTING) | BIT(TRACKED),
        [PK_ZNODE_PROMOTING] = BIT(PROMOTED) | BIT(LOCAL) | BIT(TRACKED),
        [PK_ZNODE_PROMOTED] = BIT(TRACKED) | BIT(LOCAL) | BIT(PROMOTED),
    };
    return (edges[from] >> to & 1) != 0;
}

static void move(struct pk_znode *z, enum pk_znode_state to)
{
    PK_BUG_ON(!pk_znode_may_move((enum pk_znode_state)z->held.state, to));
    pk_account_state(z, to);
}

/* Stats may show any number; there is none after the last one. */
static int64_t after(int64_t zxid)
{
    return zxid < INT64_MAX ? zxid + 1 : zxid;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Ends what is held: it counts no more, its data goes. */
static void let_go(struct pk_store *store, struct pk_znode *z, enum pk_znode_state to)
{
    pk_account_held(store, z, -1);
    pk_blob_unref(store->mem, z->data);
    z->data = NULL;
    move(z, to);
    z->held.cversion = 0;
    z->held.pzxid = 0; /* what the ensemble shows of that path is its own */
    if (to == PK_ZNODE_TRACKED)
        z->held.czxid = 0; /* the ensemble's own of that path has another one, not seen yet */
    z->uncertain = z->unfit = z->refused = z->restored = false;
    store->invalidations++;
}

static enum pk_err new_data(struct pk_store *store, struct pk_znode *z, struct pk_bytes data)
{
    if (data.p == NULL)
        return PK_OK;
    z->data = pk_blob_new(store->mem, data.p, data.len);
    return z->data != NULL ? PK_OK : PK_ENOMEM;
}

/* A child has come or gone. When it is promoted, or its delete replayed, the ensemble's own pzxid is as high: what
 * memory showed may be forgotten then. */
static void children_changed(const struct pk_store *store, struct pk_znode *up)
{
    up->held.pzxid = max64(up->held.pzxid, after(store->stats->newest_zxid));
}

static enum pk_err local_create(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode, *up = z->parent;
    if (new_data(store, z, c->data) != PK_OK)
        return PK_ENOMEM;
    int64_t made = pk_store_mount(store, z)->made_zxid;
    int64_t zxid = after(max64(max64(store->stats->newest_zxid, z->held.mzxid), made));
    if (z->held.state == PK_ZNODE_PROMOTED)
        pk_list_del(&z->tracking->recent);
    move(z, PK_ZNODE_LOCAL);
    z->held.czxid = z->held.mzxid = z->held.pzxid = zxid;
    z->held.ctime = z->held.mtime = c->wall_ms;
    z->held.version = z->held.cversion = 0;
    pk_account_made(store, z, zxid);
    children_changed(store, up);
    if (pk_znode_held(up))
        up->held.cversion++;
    pk_account_held(store, z, 1);
    store->stats->local_creates++;
    return PK_OK;
}

/* The parent has counted it already: its own record said so. */
static enum pk_err restored(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    if (new_data(store, z, c->data) != PK_OK)
        return PK_ENOMEM;
    int32_t nlocal = z->held.nlocal;
    move(z, PK_ZNODE_LOCAL);
    z->held = *c->held;
    z->held.state = PK_ZNODE_LOCAL;
    z->held.nlocal = nlocal;
    pk_account_held(store, z, 1);
    pk_account_made(store, z, z->held.mzxid);
    return PK_OK;
}

/* Data of a local or cached znode is replaced; figures follow. */
static enum pk_err replace(struct pk_store *store, const struct pk_znode *z, struct pk_blob **data,
                           struct pk_bytes to)
{
    uint32_t before = *data != NULL ? (*data)->len : 0;
    if (to.p == NULL) {
        pk_blob_unref(store->mem, *data);
        *data = NULL;
    } else {
        enum pk_err err = pk_blob_set(store->mem, data, to.p, to.len);
        if (err != PK_OK)
            return err;
    }
    pk_account_bytes(store, z, (int64_t)to.len - (int64_t)before);
    return PK_OK;
}

static enum pk_err set(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    struct pk_value *v = z->cached != NULL ? &z->cached->value : NULL;
    enum pk_err err = replace(store, z, v != NULL ? &v->data : &z->data, c->data);
    if (err != PK_OK)
        return err;
    int32_t *version = v != NULL ? &v->version : &z->held.version;
    int64_t *mzxid = v != NULL ? &v->mzxid : &z->held.mzxid, *mtime = v != NULL ? &v->mtime : &z->held.mtime;
    if (c->held != NULL) {
        *version = c->held->version;
        *mzxid = c->held->mzxid;
        *mtime = c->held->mtime;
        return PK_OK;
    }
    *version = (int32_t)((uint32_t)*version + 1);
    *mzxid = after(max64(store->stats->newest_zxid, *mzxid));
    *mtime = max64(c->wall_ms, *mtime);
    return PK_OK;
}

static void local_delete(struct pk_store *store, struct pk_znode *z)
{
    struct pk_znode *up = z->parent;
    let_go(store, z, PK_ZNODE_TRACKED);
    z->held.mzxid = after(max64(store->stats->newest_zxid, z->held.mzxid));
    pk_account_made(store, z, z->held.mzxid);
    children_changed(store, up);
    up->held.cversion++;
    store->stats->local_deletes++;
}

/* Children of the znode have changed at this zxid or before: the copy of its Stat is stale. */
static void stale(struct pk_store *store, struct pk_znode *z, int64_t zxid)
{
    if (z == NULL || z->cached == NULL)
        return;
    z->cached->value.changed_zxid = max64(z->cached->value.changed_zxid, zxid);
    store->invalidations++;
}

static enum pk_err promoted(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    if (pk_store_remember(store, z, c->zxid, c->now_us) != PK_OK)
        return PK_ENOMEM;
    let_go(store, z, PK_ZNODE_PROMOTED);
    z->held.czxid = z->held.mzxid = c->zxid;
    stale(store, z->parent, c->zxid);
    store->stats->promoted_znodes++;
    return PK_OK;
}

/* Servers that have not seen this zxid yet still owe these deletes to their answers. */
static void pairs_replayed(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    z->held.cversion = z->held.cversion > c->pairs ? z->held.cversion - c->pairs : 0;
    if (pk_store_remember(store, z, c->zxid, c->now_us) != PK_OK)
        return;
    /* One replay is remembered: what a server shows that has not seen those before is asked again. */
    if (z->tracking->replayed_pairs > 0 && z->tracking->floor_zxid < z->tracking->replayed_zxid)
        z->tracking->floor_zxid = z->tracking->replayed_zxid;
    z->tracking->replayed_pairs = c->pairs;
    z->tracking->replayed_zxid = c->zxid;
    stale(store, z, c->zxid);
}

static void share_seen(struct pk_znode *z, int64_t czxid)
{
    if (z->held.state != PK_ZNODE_TRACKED)
        return;
    if (z->held.czxid != 0 && z->held.czxid != czxid)
        z->held.cversion = 0;
    z->held.czxid = czxid;
}

static void share_restored(struct pk_store *store, struct pk_znode *z, const struct pk_held *share)
{
    pk_account_made(store, z, max64(share->mzxid, share->pzxid));
    z->held.czxid = share->czxid;
    z->held.pzxid = share->pzxid;
    z->held.cversion = share->cversion;
}

static enum pk_err remembered(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    const struct pk_stat *base = &z->cached->value.base;
    if (pk_store_remember(store, z, base->mzxid, c->now_us) != PK_OK)
        return PK_ENOMEM;
    share_seen(z, base->czxid);
    move(z, PK_ZNODE_PROMOTED);
    z->held.czxid = base->czxid;
    z->held.mzxid = base->mzxid;
    return PK_OK;
}

static void aged(struct pk_znode *z)
{
    if (z->tracking == NULL)
        return;
    z->tracking->replayed_pairs = 0;
    if (z->held.state == PK_ZNODE_PROMOTED)
        move(z, PK_ZNODE_TRACKED);
    if (z->tracking->floor_zxid == 0)
        pk_list_del(&z->tracking->recent);
}

static void gone(struct pk_znode *z)
{
    aged(z);
    z->held.cversion = 0;
    z->held.czxid = z->held.pzxid = 0;
    z->no_local_creates = false;
}

static struct pk_cached *new_cached(struct pk_store *store, struct pk_znode *z)
{
    struct pk_cached *l = pk_pool_get(&store->cached);
    if (l != NULL)
        l->znode = z;
    return l;
}

/* The mzxid of a cached znode grows with every write and its times never fall, while it is cached. */
static enum pk_err cached(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    if (z->cached == NULL) {
        z->cached = new_cached(store, z);
        if (z->cached == NULL)
            return PK_ENOMEM;
        pk_account_cached(store, z, 1);
    }
    struct pk_value *v = &z->cached->value;
    int64_t before = v->data != NULL ? v->data->len : 0;
    pk_blob_unref(store->mem, v->data);
    v->data = pk_blob_ref(c->blob);
    pk_account_bytes(store, z, (c->blob != NULL ? (int64_t)c->blob->len : 0) - before);
    v->base = *c->stat;
    v->version = c->stat->version;
    v->mzxid = max64(after(v->mzxid), c->stat->mzxid);
    v->mtime = max64(v->mtime, c->stat->mtime);
    v->retired = false;
    return PK_OK;
}

static void confirmed(struct pk_value *v, int64_t zxid)
{
    v->shown_zxid = max64(v->shown_zxid, zxid);
    if (zxid >= v->suspect_zxid)
        v->suspect_zxid = 0;
}

/* The answer is as new as our copy, or newer but for what is dirty. */
static void shown(struct pk_value *v, const struct pk_change *c)
{
    if (c->zxid < v->shown_zxid)
        return;
    v->base.aversion = c->stat->aversion;
    v->base.cversion = c->stat->cversion;
    v->base.num_children = c->stat->num_children;
    v->base.pzxid = c->stat->pzxid;
    v->shown_zxid = c->zxid;
    if (c->zxid > v->suspect_zxid)
        v->suspect_zxid = 0;
}

static void flushed(struct pk_value *v, const struct pk_change *c)
{
    v->base = *c->stat;
    v->mzxid = max64(v->mzxid, c->stat->mzxid);
    v->shown_zxid = max64(v->shown_zxid, c->zxid);
}

static void landed(struct pk_value *v, const struct pk_stat *st)
{
    v->base.version = st->version;
    v->base.mzxid = st->mzxid;
    v->base.mtime = st->mtime;
}

static void uncached(struct pk_store *store, struct pk_znode *z)
{
    struct pk_cached *l = z->cached;
    pk_account_cached(store, z, -1);
    pk_blob_unref(store->mem, l->value.data);
    l->value.data = NULL;
    l->znode = NULL;
    z->cached = NULL;
    store->invalidations++;
    l->refs++;
    pk_cached_unref(store, l);
}

static enum pk_err apply_local(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    switch (c->kind) {
    case PK_CHANGE_LOCAL_CREATE:
        return local_create(store, c);
    case PK_CHANGE_SET:
        return set(store, c);
    case PK_CHANGE_LOCAL_DELETE:
        local_delete(store, z);
        return PK_OK;
    case PK_CHANGE_RESTORED:
        return restored(store, c);
    case PK_CHANGE_LOST:
        let_go(store, z, PK_ZNODE_TRACKED);
        stale(store, z->parent, store->stats->newest_zxid + 1);
        return PK_OK;
    case PK_CHANGE_PROMOTING:
        move(z, PK_ZNODE_PROMOTING);
        return PK_OK;
    case PK_CHANGE_PROMOTED:
        return promoted(store, c);
    case PK_CHANGE_UNPROMOTED:
        move(z, PK_ZNODE_LOCAL);
        return PK_OK;
    default:
        PK_BUG_ON(true);
        return PK_EINVAL;
    }
}

static enum pk_err apply_tracked(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    switch (c->kind) {
    case PK_CHANGE_SHARE_RESTORED:
        share_restored(store, z, c->held);
        return PK_OK;
    case PK_CHANGE_SHARE_SEEN:
        share_seen(z, c->zxid);
        return PK_OK;
    case PK_CHANGE_PAIRS_REPLAYED:
        pairs_replayed(store, c);
        return PK_OK;
    case PK_CHANGE_PAIRS_VOID:
        z->held.cversion = 0;
        return PK_OK;
    case PK_CHANGE_REMEMBERED:
        return remembered(store, c);
    case PK_CHANGE_AGED:
        aged(z);
        return PK_OK;
    case PK_CHANGE_GONE:
        gone(z);
        return PK_OK;
    default:
        PK_BUG_ON(true);
        return PK_EINVAL;
    }
}

static enum pk_err apply_cached(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    struct pk_value *v = z->cached != NULL ? &z->cached->value : NULL;
    PK_BUG_ON(v == NULL && c->kind != PK_CHANGE_CACHED);
    switch (c->kind) {
    case PK_CHANGE_CACHED:
        return cached(store, c);
    case PK_CHANGE_CONFIRMED:
        confirmed(v, c->zxid);
        return PK_OK;
    case PK_CHANGE_SHOWN:
        shown(v, c);
        return PK_OK;
    case PK_CHANGE_FLUSHED:
        flushed(v, c);
        return PK_OK;
    case PK_CHANGE_LANDED:
        landed(v, c->stat);
        return PK_OK;
    case PK_CHANGE_STALE:
        stale(store, z, c->zxid);
        return PK_OK;
    case PK_CHANGE_SUSPECT:
        v->suspect_zxid = max64(v->suspect_zxid, c->zxid);
        store->invalidations++;
        return PK_OK;
    case PK_CHANGE_SENT:
        return PK_OK;
    case PK_CHANGE_RETIRED:
        v->retired = true;
        store->invalidations++;
        return PK_OK;
    case PK_CHANGE_UNCACHED:
        uncached(store, z);
        return PK_OK;
    default:
        PK_BUG_ON(true);
        return PK_EINVAL;
    }
}

struct pk_change_record pk_store_record(struct pk_store *store, const struct pk_znode *z)
{
    const struct pk_znode *up = z->parent;
    const struct pk_tracking *t = z->tracking;
    struct pk_change_record record = {
        .path = pk_store_path(store, z),
        .znode = z,
        .data = pk_blob_view(z->data),
        .held = &z->held,
        .parent = up != NULL ? &up->held : NULL,
        .value = z->cached != NULL ? &z->cached->value : NULL,
        .uncertain = z->uncertain,
    };
    if (up != NULL && up->held.state == PK_ZNODE_TRACKED && up->tracking != NULL)
        record.parent_acl = pk_blob_view(up->tracking->acl);
    if (z->cached != NULL)
        record.value_data = pk_blob_view(z->cached->value.data);
    if (t != NULL) {
        record.replayed_zxid = t->replayed_zxid;
        record.replayed_pairs = t->replayed_pairs;
        record.floor_zxid = t->floor_zxid;
    }
    return record;
}

static void tell(struct pk_store *store, const struct pk_change *c, enum pk_change_kind kind,
                 const struct pk_znode *z)
{
    if (store->tap.changes != NULL)
        ++*store->tap.changes;
    if (store->tap.hear == NULL)
        return;
    if (kind == PK_CHANGE_SET && z->held.state == PK_ZNODE_LOCAL && z->cached == NULL &&
        store->tap.refresh != NULL && store->tap.refresh(store->tap.context, z))
        return;
    struct pk_change_record record = pk_store_record(store, z);
    record.kind = kind;
    record.wall_ms = c->wall_ms;
    record.session_id = c->session_id;
    record.now_us = c->now_us;
    store->tap.hear(store->tap.context, &record);
}

enum pk_err pk_store_apply(struct pk_store *store, const struct pk_change *c)
{
    enum pk_err err;
    if (c->kind < PK_CHANGE_SHARE_RESTORED)
        err = apply_local(store, c);
    else if (c->kind < PK_CHANGE_CACHED)
        err = apply_tracked(store, c);
    else
        err = apply_cached(store, c);
    if (err != PK_OK || (store->tap.changes == NULL && store->tap.hear == NULL))
        return err;
    const struct pk_znode *up = c->znode->parent;
    tell(store, c, c->kind, c->znode);
    if ((c->kind == PK_CHANGE_PROMOTED || c->kind == PK_CHANGE_LOST) && up != NULL && up->cached != NULL)
        tell(store, c, PK_CHANGE_STALE, up);
    return PK_OK;
}
