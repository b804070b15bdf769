/*
 * The memory seam: every allocation of base, proto and core goes through a struct pk_mem that the caller
 * hands down, so that tests can fail the n-th call and count what is still held.
 */
#ifndef PK_BASE_MEM_H
#define PK_BASE_MEM_H

#include <stddef.h>

#include "base/err.h"

struct pk_mem {
    /* Behaves as realloc(3) with p == NULL for a new block; size is never 0. Returns NULL when out of memory,
     * in which case the old block is untouched. */
    void *(*resize)(void *ctx, void *p, size_t size);
    /* Behaves as free(3); p is never NULL. */
    void (*release)(void *ctx, void *p);
    void *ctx;
};

/* The C library's allocator. */
extern const struct pk_mem pk_mem_libc;

/* Returns size uninitialised bytes owned by the caller, or NULL. */
void *pk_alloc(const struct pk_mem *mem, size_t size) PK_NODISCARD;
/* As pk_alloc, zeroed. */
void *pk_zalloc(const struct pk_mem *mem, size_t size) PK_NODISCARD;
/* Grows or shrinks a block; on NULL the old block stays the caller's. */
void *pk_resize(const struct pk_mem *mem, void *p, size_t size) PK_NODISCARD;
/* Gives a block back; NULL is allowed. */
void pk_free(const struct pk_mem *mem, void *p);
/* Overwrites what nobody may read any more, before its memory is given back. */
void pk_wipe(void *p, size_t n);

#endif
