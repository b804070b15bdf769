/*
 * The out chain of one side of a connection: what waits to be written, as segments that are either borrowed
 * for this turn (the arena, or the driver's read buffer that a relayed frame passes through) or references to
 * blobs.
 *
 *   head ──► [turn: reply reply][blob: 900 KiB of data, shared][turn: 68 bytes of Stat] ◄── tail
 *
 * Borrowed segments live until the end of the turn. What the kernel did not take by then is copied
 * (pk_out_keep); from there until the chain is empty everything appended is copied too, so that an
 * asynchronous write may hold it.
 */
#ifndef PK_CORE_CONN_OUT_H
#define PK_CORE_CONN_OUT_H

#include <stdbool.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/iov.h"
#include "base/pool.h"

/* Room for replies that leaves with the turn. */
struct pk_arena {
    const struct pk_mem *mem;
    struct pk_arena_chunk *first, *at;
    uint8_t *p;  /* where the room begins that is left in the chunk `at`, */
    size_t left; /* and how much it is */
};

struct pk_seg {
    struct pk_seg *next;
    const uint8_t *p;
    size_t len;
    struct pk_blob *blob; /* NULL: borrowed for this turn */
};

/* What the chains of a core share. */
struct pk_out_shared {
    const struct pk_mem *mem;
    struct pk_pool segs;
    struct pk_pool blocks; /* for the first bytes of a chain that is kept (pk_blob_pooled) */
    struct pk_arena arena;
};

struct pk_out {
    struct pk_seg *head, *tail;
    size_t bytes;
    bool kept; /* everything in the chain is ours; stays true until it is empty */
};

void pk_out_shared_init(struct pk_out_shared *shared, const struct pk_mem *mem);
void pk_out_shared_drop(struct pk_out_shared *shared);
/* End of the turn: no chain may hold a borrowed segment any more. */
void pk_out_end_turn(struct pk_out_shared *shared);

/* Appends len bytes that the caller fills in before anything else is appended. NULL when out of memory. */
uint8_t *pk_out_new_room(struct pk_out_shared *shared, struct pk_out *out, size_t len) PK_NODISCARD;
/* Room in the block at the tail of a chain that is kept; NULL: it is not ours alone, or full. */
static inline uint8_t *pk_out_grow(struct pk_out *out, size_t len)
{
    struct pk_seg *tail = out->tail;
    struct pk_blob *b = tail->blob;
    if (b->refs != 1 || tail->p + tail->len != b->bytes + b->len || b->cap - b->len < len)
        return NULL;
    b->len += (uint32_t)len;
    tail->len += len;
    out->bytes += len;
    return b->bytes + b->len - len;
}
/* As pk_out_new_room: most of what is appended stands behind what was appended before. */
static inline uint8_t *pk_out_room(struct pk_out_shared *shared, struct pk_out *out, size_t len)
{
    struct pk_arena *a = &shared->arena;
    struct pk_seg *tail = out->tail;
    if (tail != NULL && tail->blob != NULL && out->kept) {
        uint8_t *p = pk_out_grow(out, len);
        return p != NULL ? p : pk_out_new_room(shared, out, len);
    }
    if (tail == NULL || tail->blob != NULL || tail->p + tail->len != a->p || a->left < len)
        return pk_out_new_room(shared, out, len);
    tail->len += len;
    out->bytes += len;
    a->p += len;
    a->left -= len;
    return a->p - len;
}
/* Appends bytes that stay where they are until the end of the turn. */
enum pk_err pk_out_borrow(struct pk_out_shared *shared, struct pk_out *out, const uint8_t *p,
                          size_t len) PK_NODISCARD;
/* Appends a copy. */
enum pk_err pk_out_copy(struct pk_out_shared *shared, struct pk_out *out, const uint8_t *p,
                        size_t len) PK_NODISCARD;
/* Appends the whole blob; takes a reference of its own where copying would cost more. */
enum pk_err pk_out_blob(struct pk_out_shared *shared, struct pk_out *out, struct pk_blob *blob) PK_NODISCARD;
/* Copies what is borrowed. PK_ENOMEM: the chain must not be used any more but for pk_out_drop. */
enum pk_err pk_out_keep_all(struct pk_out_shared *shared, struct pk_out *out) PK_NODISCARD;
static inline enum pk_err pk_out_keep(struct pk_out_shared *shared, struct pk_out *out)
{
    return out->head == NULL || out->kept ? PK_OK : pk_out_keep_all(shared, out);
}
/* A chain that does not leave with the turn: what is appended is written where it stays. */
static inline void pk_out_stays(struct pk_out *out)
{
    out->kept = out->kept || out->head == NULL;
}
/* Moves everything from one chain to the end of another; the first one is empty then. PK_ENOMEM: what could not be
 * moved is lost, and the second must not be used any more but for pk_out_drop. */
enum pk_err pk_out_join(struct pk_out_shared *shared, struct pk_out *to, struct pk_out *from) PK_NODISCARD;
/* Removes n bytes from the head; n is at most out->bytes. */
void pk_out_sent(struct pk_out_shared *shared, struct pk_out *out, size_t n);
/* Fills in up to max parts from the head; returns how many. */
int pk_out_iov(const struct pk_out *out, struct pk_iov *iov, int max);
/* Forgets everything. */
void pk_out_drop(struct pk_out_shared *shared, struct pk_out *out);

#endif
