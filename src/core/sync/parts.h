/*
 * The parts of sync/ together: made, checked and dropped.
 */
#ifndef PK_CORE_SYNC_PARTS_H
#define PK_CORE_SYNC_PARTS_H

#include "core/sync/sync.h"

/* Both outlive it. */
void pk_sync_init(struct pk_sync *sync, struct pk_store *store, struct pk_conns *conns);
/* Every connection and cached value must have ended. */
void pk_sync_drop(struct pk_sync *sync);

/* Ends the process when lists do not hold what their states say: called by tests after every step. */
void pk_sync_check(const struct pk_sync *sync);

#endif
