/*
 * A free list of equally sized structs, so that what comes and goes with every request costs no malloc.
 */
#ifndef PK_BASE_POOL_H
#define PK_BASE_POOL_H

#include <stddef.h>

#include "base/mem.h"

struct pk_pool {
    const struct pk_mem *mem;
    size_t size;
    void *free;
    unsigned nfree;
};

/* size: bytes of one item, at least that of a pointer. */
void pk_pool_init(struct pk_pool *pool, const struct pk_mem *mem, size_t size);
/* A zeroed item owned by the caller, or NULL when out of memory. */
void *pk_pool_get(struct pk_pool *pool) PK_NODISCARD;
/* The same, its bytes as they happen to be. */
void *pk_pool_take(struct pk_pool *pool) PK_NODISCARD;
/* Gives an item back; a bounded number is kept for the next pk_pool_get. */
void pk_pool_put(struct pk_pool *pool, void *item);
/* Frees what is kept. Items still in use stay their users'. */
void pk_pool_drop(struct pk_pool *pool);

#endif
