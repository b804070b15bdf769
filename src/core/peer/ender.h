/*
 * Ending the session of the primary before: it is taken up and closed, so that nothing which it has under way is
 * carried out any more.
 *
 *   WANTED ──► OPENING ──connect response──► CLOSING ──answered──► CLOSED (it was alive)
 *     ▲           │  │ it is no more ──► EXPIRED         │
 *     └───────────┴──┴──── lost, or silent ──────────────┘
 */
#ifndef PK_CORE_PEER_ENDER_H
#define PK_CORE_PEER_ENDER_H

#include "core/peer/self.h"

/* Once per step: goes on with what is wanted. */
void pk_ender_step(struct pk_member *m);
/* What became of its connection. */
void pk_ender_ready(struct pk_member *m);
void pk_ender_bytes(struct pk_member *m, const uint8_t *p, size_t n);
void pk_ender_lost(struct pk_member *m);
/* The connection is torn down. */
void pk_ender_ended(struct pk_member *m);
/* Nothing is to be ended. */
void pk_ender_stop(struct pk_member *m);

#endif
