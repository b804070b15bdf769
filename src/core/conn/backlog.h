/*
 * Bytes that could not be judged yet: a partial frame, or frames behind one that waits.
 */
#ifndef PK_CORE_CONN_BACKLOG_H
#define PK_CORE_CONN_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

struct pk_backlog {
    uint8_t *p;
    size_t off, len, cap; /* p[off..len) */
    size_t scanned;       /* whole frames from off on that have been looked at for pings, in bytes */
};

static inline size_t pk_backlog_waiting(const struct pk_backlog *b)
{
    return b->len - b->off;
}

/* How many of the next n bytes of the stream complete what stands at the head: its length word, then its frame. */
size_t pk_backlog_missing(const struct pk_backlog *b, size_t n);
/* Room for n bytes more, which the caller fills in at once; NULL when out of memory. What has been taken goes. */
uint8_t *pk_backlog_room(const struct pk_mem *mem, struct pk_backlog *b, size_t n) PK_NODISCARD;
/* Appends a copy of n bytes. PK_ENOMEM: nothing changed. */
enum pk_err pk_backlog_keep(const struct pk_mem *mem, struct pk_backlog *b, const uint8_t *p,
                            size_t n) PK_NODISCARD;
/* Frees it; it is empty then. */
void pk_backlog_drop(const struct pk_mem *mem, struct pk_backlog *b);

#endif
