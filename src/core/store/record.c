/*
 * Records, taken over.
 *
 * Happy path: what the other store held after the change is held here as it was there.
 * Failure modes: out of memory, and what is here is no copy any more.
 */
#define PK_STORE_APPLY
#include "core/store/record.h"

#include "core/store/account.h"

static enum pk_err replay_held(struct pk_store *store, struct pk_znode *z, const struct pk_change_record *r)
{
    enum pk_znode_state to = (enum pk_znode_state)r->held->state;
    int32_t nlocal = z->held.nlocal;
    bool holds = to >= PK_ZNODE_LOCAL && to <= PK_ZNODE_PROMOTING;
    struct pk_blob *data = NULL;
    if (holds && r->data.p != NULL) {
        data = r->shared != NULL ? pk_blob_ref(r->shared) : pk_blob_new(store->mem, r->data.p, r->data.len);
        if (data == NULL)
            return PK_ENOMEM;
    }
    if (pk_znode_held(z))
        pk_account_held(store, z, -1);
    pk_blob_unref(store->mem, z->data);
    z->data = data;
    pk_account_state(z, to);
    z->held = *r->held;
    z->held.nlocal = nlocal;
    if (holds)
        pk_account_held(store, z, 1);
    pk_account_made(store, z, z->held.mzxid);
    return PK_OK;
}

static enum pk_err replay_value(struct pk_store *store, struct pk_znode *z, const struct pk_change_record *r)
{
    const struct pk_value *value = r->value;
    struct pk_change gone = {.kind = PK_CHANGE_UNCACHED, .znode = z};
    if (value == NULL)
        return z->cached != NULL ? pk_store_apply(store, &gone) : PK_OK;
    struct pk_blob *data = NULL;
    if (r->value_data.p != NULL) {
        data = pk_blob_new(store->mem, r->value_data.p, r->value_data.len);
        if (data == NULL)
            return PK_ENOMEM;
    }
    struct pk_change c = {.kind = PK_CHANGE_CACHED, .znode = z, .blob = data, .stat = &value->base};
    enum pk_err err = pk_store_apply(store, &c);
    pk_blob_unref(store->mem, data);
    if (err != PK_OK)
        return err;
    data = z->cached->value.data;
    z->cached->value = *value;
    z->cached->value.data = data;
    return PK_OK;
}

/* What was known of a parent before it had a share may have been forgotten here. */
static enum pk_err replay_parent(struct pk_store *store, struct pk_znode *up,
                                 const struct pk_change_record *r)
{
    struct pk_held before = up->held;
    up->held = *r->parent;
    up->held.nlocal = before.nlocal;
    up->held.state = before.state;
    const struct pk_blob *known = up->tracking != NULL ? up->tracking->acl : NULL;
    if (r->parent_acl.p == NULL || pk_bytes_eq(r->parent_acl, pk_blob_view(known)))
        return PK_OK;
    struct pk_tracking *t = pk_store_tracking(store, up);
    return t != NULL ? pk_blob_set(store->mem, &t->acl, r->parent_acl.p, r->parent_acl.len) : PK_ENOMEM;
}

/* What is remembered for servers that lag. */
static enum pk_err replay_lag(struct pk_store *store, struct pk_znode *z, const struct pk_change_record *r)
{
    bool is_promoted = r->held->state == PK_ZNODE_PROMOTED;
    bool remembers = r->replayed_pairs > 0 || r->floor_zxid > 0 || is_promoted;
    int64_t zxid = is_promoted && r->held->mzxid > r->replayed_zxid ? r->held->mzxid : r->replayed_zxid;
    z->uncertain = r->uncertain;
    if (remembers && pk_store_remember(store, z, zxid, r->now_us) != PK_OK)
        return PK_ENOMEM;
    if (z->tracking == NULL)
        return PK_OK;
    if (!remembers)
        pk_list_del(&z->tracking->recent);
    z->tracking->replayed_zxid = r->replayed_zxid;
    z->tracking->replayed_pairs = r->replayed_pairs;
    z->tracking->floor_zxid = r->floor_zxid;
    return PK_OK;
}

enum pk_err pk_store_replay(struct pk_store *store, const struct pk_change_record *r)
{
    struct pk_mount *mount;
    if (pk_store_place(store, r->path, &mount) == PK_OUTSIDE)
        return PK_EINVAL;
    struct pk_znode *z = pk_store_track(store, mount, r->path);
    if (z == NULL)
        return PK_ENOMEM;
    enum pk_err err = replay_held(store, z, r);
    if (err == PK_OK)
        err = replay_value(store, z, r);
    if (err == PK_OK && z->parent != NULL && r->parent != NULL)
        err = replay_parent(store, z->parent, r);
    if (err == PK_OK)
        err = replay_lag(store, z, r);
    pk_store_tidy(store, z);
    return err;
}
