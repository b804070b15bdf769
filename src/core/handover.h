/*
 * Handing over: what a mount's mode does not hold any more goes to the ensemble on the service session, a bounded
 * number a tick, or as fast as it goes (PK_RELEASE); and znodes restored from a state file are looked at there.
 */
#ifndef PK_CORE_HANDOVER_H
#define PK_CORE_HANDOVER_H

#include "core/state.h"

enum { PK_HANDOVER_TICK = 500 /* znodes or cached znodes in one tick */ };

/* Every mount goes to mode relay, as fast as it goes. */
void pk_handover_all(struct core *core);
/* Local znodes and dirty cached znodes that the mount's mode does not hold. */
uint64_t pk_handover_left(const struct pk_mount *mount);
/* True when there is something for pk_handover_step. */
bool pk_handover_pending(const struct core *core);
/* Sends the next step on the service session; false when there is nothing to do now. */
bool pk_handover_step(struct core *core, struct pk_conn *own);
/* The ensemble's answer to exists of a restored znode. */
void pk_handover_looked(struct core *core, struct pk_bytes path, const struct pk_reply *r);

#endif
