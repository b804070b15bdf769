/*
 * The names of a znode's local children as an answer has them. A long list is kept until it changes, or nobody has
 * asked for it in a while: readers of the same list, slow ones above all, share its bytes.
 */
#ifndef PK_CORE_STORE_LISTING_H
#define PK_CORE_STORE_LISTING_H

#include "core/store/tree.h"

enum {
    PK_LISTING_LEAST = 2 * 1024,          /* bytes: shorter lists are written out each time */
    PK_LISTING_KEEP_US = 5 * 1000 * 1000, /* after the last reader */
};

struct pk_listing {
    struct pk_list all; /* in pk_store.listings, least recently asked for first */
    struct pk_znode *znode;
    struct pk_blob *names;
    int64_t used_us;
};

/* Bytes of the names of z's held children, each with its length. */
static inline size_t pk_listing_len(const struct pk_znode *z)
{
    return z->below != NULL ? z->below->names : 0;
}
/* Writes them; returns the end. */
uint8_t *pk_listing_put(uint8_t *p, const struct pk_znode *z);
/* The kept list, made when there is none and it is long; borrowed. NULL, with its length in *len: it is short, or
 * memory is; write it out. *steps grows by the children that are walked over for either. */
struct pk_blob *pk_listing_get(struct pk_store *store, struct pk_znode *z, int64_t now_us, size_t *len,
                               size_t *steps);
/* The children change: what is kept goes, but for those who are still being sent it. */
void pk_listing_drop(struct pk_store *store, struct pk_znode *z);
/* Drops those that nobody has asked for since keep_us; with 0 all. */
void pk_listings_age(struct pk_store *store, int64_t now_us, int64_t keep_us);

#endif
