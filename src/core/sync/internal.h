/*
 * Internal requests: whoever made one is told of its answer, or that there will be none.
 */
#ifndef PK_CORE_SYNC_INTERNAL_H
#define PK_CORE_SYNC_INTERNAL_H

#include "core/sync/sync.h"

/* The answer to an internal request, whose entry is out of the uplink's order; frees the entry. */
void pk_internal_answer(struct pk_sync *sync, struct pk_uplink *u, struct pk_entry *e,
                        const struct pk_reply *r, struct pk_bytes body);
/* There will be no answer; frees the entry. */
void pk_internal_lost(struct pk_sync *sync, struct pk_uplink *u, struct pk_entry *e);

#endif
