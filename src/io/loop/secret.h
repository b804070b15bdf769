/*
 * Memory that holds secrets for long, and what core dumps are to have of it: nothing.
 */
#ifndef PK_IO_LOOP_SECRET_H
#define PK_IO_LOOP_SECRET_H

#include <stddef.h>

#include "base/mem.h"

/*
 * Leaves the pages of n bytes at p, and what else lies in them, out of core dumps, for as long as the memory is the
 * process's. A kernel that cannot is no failure.
 */
void pk_secret_undumped(const void *p, size_t n);

/*
 * Memory for many small secrets, in pages that are left out: blocks of powers of two, which are wiped when they are
 * given back. Grows by PK_SECRET_CHUNK, and keeps what it has until it is closed.
 */
enum { PK_SECRET_CHUNK = 64 * 1024, PK_SECRET_CLASSES = 16 };

struct pk_secret_heap {
    struct pk_mem mem; /* what the core is given */
    void *chunks;
    void *spare[PK_SECRET_CLASSES]; /* blocks of 1 << class bytes that nobody has */
};

void pk_secret_heap_init(struct pk_secret_heap *heap);
/* Every block has been given back. */
void pk_secret_heap_close(struct pk_secret_heap *heap);

#endif
