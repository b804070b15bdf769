/*
 * The batch of a promotion: what leaves in one multi, and what is known of its end.
 */
#ifndef PK_CORE_SYNC_BATCH_H
#define PK_CORE_SYNC_BATCH_H

#include "core/sync/sync.h"

enum { PK_BATCH_ZNODES = 250 };

enum pk_batch_state {
    PK_BATCH_SENT,  /* the multi is awaited */
    PK_BATCH_LOST,  /* it was not answered: to be verified */
    PK_BATCH_ASKED, /* what the ensemble has is awaited */
};

/* The questions about each znode of a batch that was lost, in their order; 0 is none. */
enum pk_verify_part { PK_VERIFY_DATA = 1, PK_VERIFY_ACL };

struct pk_batch {
    enum pk_batch_state state;
    bool broken;             /* the uplink ended under it, perhaps because of it */
    struct pk_uplink *u;     /* on which something is awaited; NULL when lost */
    int64_t since_us;        /* when that was sent */
    int64_t zxid;            /* the newest that was known when the multi was sent: ours is newer */
    struct pk_znode *parent; /* of a batch of pairs: whose local deletes are replayed; else NULL */
    int32_t pairs;
    uint32_t n;
    struct pk_znode *v[PK_BATCH_ZNODES]; /* busy */
    /* Asked: what the next answer is about, and what getData said of it. */
    uint32_t at;
    enum pk_verify_part next;
    bool absent, same;
    int64_t czxid;
};

/* Operations of the first one. Of those that follow as many as the ensemble takes in BATCH_US: who beats in one of its
 * znodes waits for it. */
enum { PK_BATCH_FIRST = 100 };

/* Takes what it has room for out of what is wanted; it may stay empty. */
void pk_batch_fill(struct pk_sync *sync, struct pk_batch *b);
/* Sends the multi; false when the uplink is to end. */
bool pk_batch_send(struct pk_sync *sync, struct pk_uplink *u, struct pk_batch *b);
/* Its multi has been answered: how much the next one may be. */
void pk_batch_answered(struct pk_sync *sync, const struct pk_batch *b);

#endif
