/*
 * A pool that keeps nothing: takes the place of base/pool.c in the core's tests, so that the address
 * sanitizer and the memory seam see every single item.
 */
#include "base/pool.h"

void pk_pool_init(struct pk_pool *pool, const struct pk_mem *mem, size_t size)
{
    *pool = (struct pk_pool){.mem = mem, .size = size};
}

void *pk_pool_take(struct pk_pool *pool)
{
    return pk_alloc(pool->mem, pool->size);
}

void *pk_pool_get(struct pk_pool *pool)
{
    return pk_zalloc(pool->mem, pool->size);
}

void pk_pool_put(struct pk_pool *pool, void *item)
{
    pk_free(pool->mem, item);
}

void pk_pool_drop(struct pk_pool *pool)
{
    (void)pool;
}
