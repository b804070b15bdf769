/*
 * A free list of equally sized structs.
 *
 * Happy path: get and put are a few instructions.
 * Failure modes: out of memory gives NULL. After a burst at most KEEP items stay, the rest goes back to the
 * allocator.
 */
#include "base/pool.h"

#include <string.h>

enum { KEEP = 4096 };

void pk_pool_init(struct pk_pool *pool, const struct pk_mem *mem, size_t size)
{
    *pool = (struct pk_pool){.mem = mem, .size = size};
}

void *pk_pool_take(struct pk_pool *pool)
{
    void *item = pool->free;
    if (item == NULL)
        return pk_alloc(pool->mem, pool->size);
    memcpy(&pool->free, item, sizeof pool->free);
    pool->nfree--;
    return item;
}

void *pk_pool_get(struct pk_pool *pool)
{
    void *item = pk_pool_take(pool);
    if (item != NULL)
        memset(item, 0, pool->size);
    return item;
}

void pk_pool_put(struct pk_pool *pool, void *item)
{
    if (pool->nfree >= KEEP) {
        pk_free(pool->mem, item);
        return;
    }
    memcpy(item, &pool->free, sizeof pool->free);
    pool->free = item;
    pool->nfree++;
}

void pk_pool_drop(struct pk_pool *pool)
{
    while (pool->free != NULL) {
        void *item = pool->free;
        memcpy(&pool->free, item, sizeof pool->free);
        pk_free(pool->mem, item);
    }
    pool->nfree = 0;
}
