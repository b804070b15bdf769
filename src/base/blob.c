/*
 * Reference-counted bytes.
 *
 * Happy path: a beat of the usual size overwrites the blob of the beat before, no allocation.
 * Failure modes: out of memory leaves the old value in place; a reader that still holds the old bytes keeps
 * them untouched until it lets go (no torn reads).
 */
#include "base/blob.h"

#include <string.h>

struct pk_blob *pk_blob_room(const struct pk_mem *mem, size_t len)
{
    struct pk_blob *b = pk_alloc(mem, sizeof *b + (len > 0 ? len : 1));
    if (b == NULL)
        return NULL;
    b->refs = 1;
    b->len = b->cap = (uint32_t)len;
    return b;
}

struct pk_blob *pk_blob_new(const struct pk_mem *mem, const void *p, size_t len)
{
    struct pk_blob *b = pk_blob_room(mem, len);
    if (b != NULL && len > 0)
        memcpy(b->bytes, p, len);
    return b;
}

struct pk_blob *pk_blob_pooled_room(struct pk_pool *pool, size_t len)
{
    const size_t cap = pool->size - sizeof(struct pk_blob);
    if (len > cap)
        return pk_blob_room(pool->mem, len);
    struct pk_blob *b = pk_pool_take(pool);
    if (b == NULL)
        return NULL;
    b->refs = 1;
    b->len = (uint32_t)len;
    b->cap = (uint32_t)cap;
    return b;
}

struct pk_blob *pk_blob_pooled(struct pk_pool *pool, const void *p, size_t len)
{
    struct pk_blob *b = pk_blob_pooled_room(pool, len);
    if (b != NULL && len > 0)
        memcpy(b->bytes, p, len);
    return b;
}

/* Whoever made it, a block of that size is one for the pool. */
void pk_blob_unpool_last(struct pk_pool *pool, struct pk_blob *b)
{
    if (sizeof *b + b->cap == pool->size)
        pk_pool_put(pool, b);
    else
        pk_free(pool->mem, b);
}

enum pk_err pk_blob_set(const struct pk_mem *mem, struct pk_blob **slot, const void *p, size_t len)
{
    struct pk_blob *b = *slot;
    if (b != NULL && b->refs == 1 && len <= b->cap && len >= b->cap / 2) {
        if (len > 0)
            memcpy(b->bytes, p, len);
        b->len = (uint32_t)len;
        return PK_OK;
    }
    struct pk_blob *fresh = pk_blob_new(mem, p, len);
    if (fresh == NULL)
        return PK_ENOMEM;
    pk_blob_unref(mem, b);
    *slot = fresh;
    return PK_OK;
}
