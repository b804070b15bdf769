/*
 * The one place where held znodes change.
 *
 * Happy path: a beat is PK_CHANGE_SET: data in place, version + 1, a new zxid and time.
 * Failure modes: out of memory leaves everything as it was. Zxids of a znode never fall: each is above the
 * newest seen from the ensemble and above the znode's own previous one; a parent remembers those of children
 * that died.
 */
#include "core/cached.h"
#include "core/store.h"

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static uint64_t size_of(const struct pk_znode *z)
{
    return (uint64_t)z->len + (z->data != NULL ? z->data->len : 0);
}

static void account(struct pk_store *store, struct pk_znode *z, int sign)
{
    struct pk_mount *m = &store->mounts[z->mount];
    uint64_t bytes = size_of(z);
    m->znodes = sign > 0 ? m->znodes + 1 : m->znodes - 1;
    m->bytes = sign > 0 ? m->bytes + bytes : m->bytes - bytes;
    store->stats->znodes += sign;
    store->stats->bytes += sign > 0 ? (int64_t)bytes : -(int64_t)bytes;
}

/* Takes a held znode out of its parent's local children and out of the figures; its data goes. */
static void let_go(struct pk_store *store, struct pk_znode *z, enum pk_znode_state to)
{
    int32_t local_deletes = pk_znode_local_deletes(z);
    account(store, z, -1);
    pk_blob_unref(store->mem, z->data);
    z->data = NULL;
    z->state = (uint8_t)to;
    z->cversion = local_deletes;
    z->uncertain = z->replace = z->refused = z->restored = false;
    z->parent->nlocal--;
    store->losses++;
}

/* Stats may show any number; there is none after the last one. */
static int64_t after(int64_t zxid)
{
    return zxid < INT64_MAX ? zxid + 1 : zxid;
}

static enum pk_err local_create(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode, *up = z->parent;
    if (c->data.p != NULL) {
        z->data = pk_blob_new(store->mem, c->data.p, c->data.len);
        if (z->data == NULL)
            return PK_ENOMEM;
    }
    int64_t zxid = after(max64(max64(store->stats->newest_zxid, z->mzxid), up->pzxid));
    if (z->state == PK_ZNODE_PROMOTED)
        pk_list_del(&z->aux->recent);
    z->state = PK_ZNODE_LOCAL;
    z->czxid = z->mzxid = z->pzxid = zxid;
    z->ctime = z->mtime = c->wall_ms;
    z->version = z->cversion = z->nlocal = 0;
    up->nlocal++;
    up->pzxid = zxid;
    if (pk_znode_held(up))
        up->cversion++;
    account(store, z, 1);
    store->stats->local_creates++;
    return PK_OK;
}

/* Data of a local or cached znode is replaced; figures follow. */
static enum pk_err replace(struct pk_store *store, struct pk_znode *z, struct pk_blob **data,
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
    int64_t grown = (int64_t)to.len - (int64_t)before;
    store->mounts[z->mount].bytes += (uint64_t)grown;
    store->stats->bytes += grown;
    return PK_OK;
}

static enum pk_err set(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    struct pk_cached *l = z->cached;
    enum pk_err err = replace(store, z, l != NULL ? &l->data : &z->data, c->data);
    if (err != PK_OK)
        return err;
    int32_t *version = l != NULL ? &l->version : &z->version;
    int64_t *mzxid = l != NULL ? &l->mzxid : &z->mzxid, *mtime = l != NULL ? &l->mtime : &z->mtime;
    *version = (int32_t)((uint32_t)*version + 1);
    *mzxid = after(max64(store->stats->newest_zxid, *mzxid));
    *mtime = max64(c->wall_ms, *mtime);
    return PK_OK;
}

/* The mzxid of a cached znode grows with every write and its times never fall, while the cached znode lasts. */
static void cached(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode;
    struct pk_cached *l = c->cached;
    struct pk_mount *m = &store->mounts[z->mount];
    int64_t grown = c->blob != NULL ? c->blob->len : 0;
    if (z->cached == NULL) {
        z->cached = l;
        m->cached_znodes++;
        store->stats->cached_znodes++;
        grown += z->len;
    } else {
        grown -= l->data != NULL ? (int64_t)l->data->len : 0;
        pk_blob_unref(store->mem, l->data);
    }
    l->data = pk_blob_ref(c->blob);
    l->base = *c->stat;
    l->version = c->stat->version;
    l->mzxid = max64(l->mzxid + 1, c->stat->mzxid);
    l->mtime = max64(l->mtime, c->stat->mtime);
    m->bytes += (uint64_t)grown;
    store->stats->bytes += grown;
}

static void uncached(struct pk_store *store, struct pk_znode *z)
{
    struct pk_cached *l = z->cached;
    struct pk_mount *m = &store->mounts[z->mount];
    uint64_t bytes = z->len + (l->data != NULL ? l->data->len : 0);
    m->cached_znodes--;
    m->bytes -= bytes;
    store->stats->cached_znodes--;
    store->stats->bytes -= (int64_t)bytes;
    pk_blob_unref(store->mem, l->data);
    pk_blob_unref(store->mem, l->sent);
    l->data = l->sent = NULL;
    l->znode = NULL;
    z->cached = NULL;
    store->losses++;
}

static void local_delete(struct pk_store *store, const struct pk_change *c)
{
    struct pk_znode *z = c->znode, *up = z->parent;
    int64_t zxid = after(max64(max64(store->stats->newest_zxid, z->mzxid), up->pzxid));
    let_go(store, z, PK_ZNODE_TRACKED);
    z->cversion = 0;
    z->mzxid = zxid;
    up->pzxid = zxid;
    up->cversion++;
    store->stats->local_deletes++;
}

static enum pk_err promoted(struct pk_store *store, const struct pk_change *c)
{
    if (pk_store_remember(store, c->znode, c->now_us) != PK_OK)
        return PK_ENOMEM;
    let_go(store, c->znode, PK_ZNODE_PROMOTED);
    store->stats->promoted_znodes++;
    return PK_OK;
}

enum pk_err pk_store_apply(struct pk_store *store, const struct pk_change *c)
{
    switch (c->kind) {
    case PK_CHANGE_LOCAL_CREATE:
        return local_create(store, c);
    case PK_CHANGE_SET:
        return set(store, c);
    case PK_CHANGE_LOCAL_DELETE:
        local_delete(store, c);
        return PK_OK;
    case PK_CHANGE_PROMOTED:
        return promoted(store, c);
    case PK_CHANGE_LOST:
        let_go(store, c->znode, PK_ZNODE_TRACKED);
        c->znode->cversion = 0;
        return PK_OK;
    case PK_CHANGE_CACHED:
        cached(store, c);
        return PK_OK;
    case PK_CHANGE_UNCACHED:
        uncached(store, c->znode);
        return PK_OK;
    }
    return PK_EINVAL;
}
