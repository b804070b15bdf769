/*
 * Handing over: what a mount's mode does not hold any more goes to the ensemble on the service session, a bounded
 * number a tick, or as fast as it goes (PK_RELEASE, PK_HASTEN); and znodes restored from a state file are compared with
 * the ensemble there.
 */
#ifndef PK_CORE_SYNC_HANDOVER_H
#define PK_CORE_SYNC_HANDOVER_H

#include "core/sync/sync.h"

/* Every mount goes to mode relay, as fast as it goes. */
void pk_handover_all(struct pk_sync *sync);
/* What is on its way already goes as fast as it goes. */
void pk_handover_hasten(struct pk_sync *sync);
/* The mount's configuration has changed: everything that its mode does not hold is attempted anew. */
void pk_handover_start(struct pk_sync *sync, struct pk_mount *m);
/* Local znodes and dirty cached ones that the mount's mode does not hold. */
uint64_t pk_handover_left(const struct pk_mount *m);
/* How many cached znodes of a mount in mode relay may be flushed in one tick. */
int64_t pk_handover_quota(const struct pk_sync *sync);
/* Sends the next step on the service session; false when there is nothing to do now. */
bool pk_handover_step(struct pk_sync *sync, struct pk_uplink *service);
/* The ensemble's answer to exists of a restored znode. */
void pk_handover_compared(struct pk_sync *sync, struct pk_bytes path, const struct pk_reply *r);

#endif
