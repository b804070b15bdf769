/*
 * Reference-counted bytes: the data of a held znode, shared with the out chains of readers that are still
 * being sent it. Not thread safe: one loop, one owner.
 */
#ifndef PK_BASE_BLOB_H
#define PK_BASE_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"

struct pk_blob {
    uint32_t refs;
    uint32_t len; /* bytes in use */
    uint32_t cap; /* bytes allocated */
    uint8_t bytes[];
};

/* Returns a blob holding a copy of p[0..len), one reference owned by the caller, or NULL when out of memory. */
struct pk_blob *pk_blob_new(const struct pk_mem *mem, const void *p, size_t len) PK_NODISCARD;

/* The same with len bytes that the caller fills in. */
struct pk_blob *pk_blob_room(const struct pk_mem *mem, size_t len) PK_NODISCARD;

/* Adds a reference and returns b. NULL is passed through. */
static inline struct pk_blob *pk_blob_ref(struct pk_blob *b)
{
    if (b != NULL)
        b->refs++;
    return b;
}

/* Drops a reference; the last one frees. NULL is allowed. */
static inline void pk_blob_unref(const struct pk_mem *mem, struct pk_blob *b)
{
    if (b != NULL && --b->refs == 0)
        pk_free(mem, b);
}

/*
 * Small ones that come and go with every request, in equal blocks that are used again: the pool's items, of any size
 * beyond that of the struct. What does not fit into one is a blob as above. With pk_blob_unpool a block goes back into
 * the pool, with pk_blob_unref to the allocator.
 */
struct pk_blob *pk_blob_pooled(struct pk_pool *pool, const void *p, size_t len) PK_NODISCARD;
struct pk_blob *pk_blob_pooled_room(struct pk_pool *pool, size_t len) PK_NODISCARD;
void pk_blob_unpool_last(struct pk_pool *pool, struct pk_blob *b);
static inline void pk_blob_unpool(struct pk_pool *pool, struct pk_blob *b)
{
    if (b != NULL && --b->refs == 0)
        pk_blob_unpool_last(pool, b);
}

/*
 * Replaces *slot by p[0..len). Overwrites in place when nobody else holds the blob and the size fits without
 * wasting more than half, else makes a new one and drops the old reference. On PK_ENOMEM *slot is unchanged.
 */
enum pk_err pk_blob_set(const struct pk_mem *mem, struct pk_blob **slot, const void *p,
                        size_t len) PK_NODISCARD;

#endif
