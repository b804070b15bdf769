/*
 * A set of pointers with a byte beside each: open addressing in one block, filled between four and eight tenths, so
 * that an element costs 12 to 16 bytes. Hashes are the caller's, by which it looks up and by which a block that grows
 * is filled anew.
 */
#ifndef PK_CORE_STORE_SLOTS_H
#define PK_CORE_STORE_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

struct pk_slots {
    void **v;     /* NULL: free */
    uint8_t *tag; /* behind them in the same block */
    uint32_t n, cap;
};

/* The hash of an element; arg is the caller's. */
typedef uint32_t pk_slots_hash(const void *element, const void *arg);

/* Where a hash belongs, and the place behind one. */
static inline uint32_t pk_slots_home(const struct pk_slots *s, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * s->cap >> 32);
}
static inline uint32_t pk_slots_next(const struct pk_slots *s, uint32_t at)
{
    return at + 1 == s->cap ? 0 : at + 1;
}

/* Makes sure that one more element has a place. PK_ENOMEM: nothing was changed. */
enum pk_err pk_slots_reserve(const struct pk_mem *mem, struct pk_slots *s, pk_slots_hash *hash,
                             const void *arg) PK_NODISCARD;
/* Adds an element that is not in the set; pk_slots_reserve must have succeeded since the last one. */
void pk_slots_put(struct pk_slots *s, void *element, uint8_t tag, uint32_t hash);
/* Takes out what is at a place; the block shrinks when much of it is free, and goes with its last element. */
void pk_slots_del(const struct pk_mem *mem, struct pk_slots *s, uint32_t at, pk_slots_hash *hash,
                  const void *arg);
/* Frees the block; the elements are the caller's. */
void pk_slots_free(const struct pk_mem *mem, struct pk_slots *s);

#endif
