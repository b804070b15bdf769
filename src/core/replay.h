/*
 * The multis of a promotion and of a flush, built as bytes: creates, and the steps that bring a fresh znode's counters to what
 * clients have seen. Bounded, so that no multi comes near jute.maxbuffer unless a single znode does.
 */
#ifndef PK_CORE_REPLAY_H
#define PK_CORE_REPLAY_H

#include "core/cached.h"
#include "core/promote.h"

enum {
    PK_REPLAY_MAX = 1000, /* steps replayed per znode (design: beyond, counters may fall back) */
    PK_MULTI_OPS = 500,   /* operations in one multi */
};

/* Sends the creates of the next batch; returns how many znodes it holds, 0 after closing for want of memory.
 */
uint32_t pk_replay_creates(struct core *core, struct pk_conn *c, struct pk_promotion *s);
/* Sends the next steps of the batch and moves s->at and s->done on; false when there was none left (nothing
 * is sent). */
bool pk_replay_send(struct core *core, struct pk_conn *c, struct pk_promotion *s);
/* Sends pairs of create and delete of a dummy child below an upstream parent. */
void pk_replay_pairs(struct core *core, struct pk_conn *c, const struct pk_znode *parent, int32_t pairs);

/* Bytes that the operations of one multi may have, unless a single znode needs more. */
size_t pk_multi_room(const struct core *core);

/* The operations of a flush of everything that the cached znode has pending: their bytes, and writing them. */
size_t pk_replay_flush_len(const struct pk_cached *l);
uint8_t *pk_replay_flush_put(uint8_t *p, const struct pk_cached *l);

/* The first error of a failed multi and its index: operations before it have 0, those after it -2. False when there is
 * none (protocol facts section 6). */
bool pk_multi_first_error(struct pk_bytes body, uint32_t *at, int32_t *code);
bool pk_multi_succeeded(const struct pk_reply *r, struct pk_bytes body);

#endif
