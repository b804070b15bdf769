/*
 * Figures of what is held.
 *
 * Happy path: a beat touches nothing here but bytes, and those only when its data grows.
 * Failure modes: none fails; core_check compares every count with a walk.
 */
#define PK_STORE_APPLY
#include "core/store/account.h"

#include "core/store/listing.h"

void pk_account_bytes(struct pk_store *store, const struct pk_znode *z, int64_t more)
{
    store->mounts[z->mount].bytes += (uint64_t)more;
    store->stats->bytes += more;
}

void pk_account_held(struct pk_store *store, struct pk_znode *z, int sign)
{
    store->mounts[z->mount].znodes += (uint64_t)(int64_t)sign;
    store->stats->znodes += sign;
    z->parent->held.nlocal += sign;
    z->parent->below->names += (uint32_t)(sign * (int64_t)pk_bytes_len(pk_znode_name(z)));
    pk_listing_drop(store, z->parent);
    for (struct pk_znode *up = z->parent; up != NULL; up = up->parent)
        up->below->held += (uint32_t)sign;
    pk_account_bytes(store, z, sign * ((int64_t)z->len + (z->data != NULL ? (int64_t)z->data->len : 0)));
}

void pk_account_cached(struct pk_store *store, const struct pk_znode *z, int sign)
{
    const struct pk_blob *data = z->cached->value.data;
    store->mounts[z->mount].cached_znodes += (uint64_t)(int64_t)sign;
    store->stats->cached_znodes += sign;
    pk_account_bytes(store, z, sign * ((int64_t)z->len + (data != NULL ? (int64_t)data->len : 0)));
}

void pk_account_state(struct pk_znode *z, enum pk_znode_state to)
{
    int change = (int)pk_znode_moves(to) - (int)pk_znode_moves((enum pk_znode_state)z->held.state);
    z->held.state = (uint8_t)to;
    for (struct pk_znode *up = z->parent; up != NULL && change != 0; up = up->parent)
        up->below->moving += (uint32_t)change;
}

void pk_account_made(const struct pk_store *store, const struct pk_znode *z, int64_t zxid)
{
    struct pk_mount *mount = pk_store_mount(store, z);
    if (zxid > mount->made_zxid)
        mount->made_zxid = zxid;
}
