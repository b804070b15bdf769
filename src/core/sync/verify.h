/*
 * Whether a batch that was never answered has been carried out: the ensemble is asked about each of its znodes.
 *
 *   sync ─ { getData, getACL } for each, in one pipeline
 */
#ifndef PK_CORE_SYNC_VERIFY_H
#define PK_CORE_SYNC_VERIFY_H

#include "core/sync/batch.h"

/* What the ensemble has at a path. */
enum pk_found {
    PK_FOUND_MORE,    /* more answers are to come for this znode */
    PK_FOUND_NOTHING, /* nothing: the batch has not been carried out, and never will be */
    PK_FOUND_OURS,    /* what was sent, since it was sent */
    PK_FOUND_THEIRS,  /* anything else */
    PK_FOUND_UNSURE, /* the answer is about the session, or out of turn: no other one counts, to be asked again */
};

/* Sends the questions about a batch's znodes. */
void pk_verify_send(struct pk_sync *sync, struct pk_uplink *u, struct pk_batch *b);
/* Takes an answer about b->v[b->at] in. */
enum pk_found pk_verify_answer(const struct pk_sync *sync, struct pk_batch *b, int part,
                               const struct pk_reply *r, struct pk_bytes body);

#endif
