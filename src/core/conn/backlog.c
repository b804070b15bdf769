/*
 * Backlogs.
 *
 * Happy path: none: whole frames are judged where the driver read them.
 * Failure modes: out of memory keeps nothing of what was to be appended.
 */
#include "core/conn/backlog.h"

#include <string.h>

#include "proto/records.h"

enum { LEAST = 256 };

uint8_t *pk_backlog_room(const struct pk_mem *mem, struct pk_backlog *b, size_t n)
{
    if (b->off > 0) {
        memmove(b->p, b->p + b->off, pk_backlog_waiting(b));
        b->len -= b->off;
        b->off = 0;
    }
    if (b->cap - b->len < n) {
        size_t want = b->len + n, cap = b->cap > 0 ? b->cap : LEAST;
        while (cap < want)
            cap *= 2;
        uint8_t *grown = pk_resize(mem, b->p, cap);
        if (grown == NULL)
            return NULL;
        b->p = grown;
        b->cap = cap;
    }
    b->len += n;
    return b->p + b->len - n;
}

size_t pk_backlog_missing(const struct pk_backlog *b, size_t n)
{
    size_t have = pk_backlog_waiting(b);
    size_t want = have < PK_LEN_WORD ? PK_LEN_WORD : PK_LEN_WORD + (size_t)pk_load32(b->p + b->off);
    return want - have < n ? want - have : n;
}

enum pk_err pk_backlog_keep(const struct pk_mem *mem, struct pk_backlog *b, const uint8_t *p, size_t n)
{
    uint8_t *to = pk_backlog_room(mem, b, n);
    if (to == NULL)
        return PK_ENOMEM;
    memcpy(to, p, n);
    return PK_OK;
}

void pk_backlog_drop(const struct pk_mem *mem, struct pk_backlog *b)
{
    pk_free(mem, b->p);
    *b = (struct pk_backlog){0};
}
