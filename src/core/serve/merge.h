/*
 * Answers of the ensemble that memory has something to add to: local names in listings, local children and deletes in a
 * parent's Stat, the newest data of a cached znode, local descendants in a count. What is added belongs to the moment
 * that the answer shows, so it is computed when the answer is emitted, from its header zxid (design.md 7.5).
 */
#ifndef PK_CORE_SERVE_MERGE_H
#define PK_CORE_SERVE_MERGE_H

#include "core/sync/sync.h"

/* True when an answer about this path needs nothing but forwarding, whatever it says. */
bool pk_merge_needless(const struct pk_sync *sync, const struct pk_entry *e);

enum pk_merge {
    PK_MERGE_NOTHING, /* forward as it is */
    PK_MERGE_DONE,    /* the changed answer has been written to the client */
    PK_MERGE_LATER, /* a promotion is in the way, for which the client's answer_wait waits: emit it when that is over */
    PK_MERGE_LOCAL,   /* memory holds the path meanwhile: answer from it */
    PK_MERGE_AGAIN,   /* the answering server had not seen a promotion yet: sync and ask again */
    PK_MERGE_RECREATE /* a parent of local znodes is gone upstream: create it again, then ask again */
};

/* Judges and, with PK_MERGE_DONE, writes the answer. */
enum pk_merge pk_merge(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                       const struct pk_answer_frame *a);

#endif
