/*
 * Lists of local children.
 *
 * Happy path: a list, whose length is kept, is put together once, and every reader's out chain refers to it.
 * Failure modes: memory is short: all kept lists go, and if that does not help this one is not kept.
 */
#include "core/store/listing.h"

#include "core/store/tracking.h"

uint8_t *pk_listing_put(uint8_t *p, const struct pk_znode *z)
{
    for (const struct pk_znode *k = pk_znode_children(z); k != NULL; k = k->next)
        if (pk_znode_held(k))
            p = pk_put_bytes(p, pk_znode_name(k));
    return p;
}

static void free_listing(struct pk_store *store, struct pk_listing *l)
{
    l->znode->tracking->listing = NULL;
    store->stats->listing_bytes -= l->names->len;
    pk_list_del(&l->all);
    pk_blob_unref(store->mem, l->names);
    pk_free(store->mem, l);
}

static struct pk_blob *make_names(struct pk_store *store, const struct pk_znode *z, size_t len)
{
    struct pk_blob *names = pk_blob_room(store->mem, len);
    if (names == NULL && !pk_list_empty(&store->listings)) {
        pk_listings_age(store, 0, 0);
        names = pk_blob_room(store->mem, len);
    }
    if (names != NULL)
        pk_listing_put(names->bytes, z);
    return names;
}

static struct pk_listing *make(struct pk_store *store, struct pk_znode *z, size_t len)
{
    struct pk_tracking *t = pk_store_tracking(store, z);
    struct pk_blob *names = t != NULL ? make_names(store, z, len) : NULL;
    struct pk_listing *l = names != NULL ? pk_zalloc(store->mem, sizeof *l) : NULL;
    if (l == NULL) {
        pk_blob_unref(store->mem, names);
        return NULL;
    }
    l->znode = z;
    l->names = names;
    pk_list_init(&l->all);
    store->stats->listing_bytes += names->len;
    return t->listing = l;
}

struct pk_blob *pk_listing_get(struct pk_store *store, struct pk_znode *z, int64_t now_us, size_t *len,
                               size_t *steps)
{
    struct pk_listing *l = z->tracking != NULL ? z->tracking->listing : NULL;
    if (l == NULL) {
        *len = pk_listing_len(z);
        *steps += (size_t)z->held.nlocal;
        l = *len >= PK_LISTING_LEAST ? make(store, z, *len) : NULL;
    }
    if (l == NULL)
        return NULL;
    l->used_us = now_us;
    pk_list_del(&l->all);
    pk_list_add_tail(&store->listings, &l->all);
    return l->names;
}

void pk_listing_drop(struct pk_store *store, struct pk_znode *z)
{
    if (z->tracking != NULL && z->tracking->listing != NULL)
        free_listing(store, z->tracking->listing);
}

void pk_listings_age(struct pk_store *store, int64_t now_us, int64_t keep_us)
{
    while (!pk_list_empty(&store->listings)) {
        struct pk_listing *l = PK_CONTAINER(store->listings.next, struct pk_listing, all);
        struct pk_znode *z = l->znode;
        if (keep_us > 0 && now_us - l->used_us < keep_us)
            return;
        free_listing(store, l);
        pk_tracking_tidy(store, z);
    }
}
