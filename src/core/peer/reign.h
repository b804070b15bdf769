/*
 * The reign of a primary: a question to the ensemble, which it answers by showing our own epoch.
 *
 *   sync, exists primary ──sent──► ... ──answered──► memory may be shown until 2/3 of the timeout after it was sent
 */
#ifndef PK_CORE_PEER_REIGN_H
#define PK_CORE_PEER_REIGN_H

#include "core/peer/self.h"

/* Once per step of a primary: asks when it is time, or when somebody waits for it. */
void pk_reign_step(struct pk_member *m);
enum pk_news pk_reign_answer(struct pk_member *m, const struct pk_entry *e, const struct pk_reply *r,
                             struct pk_bytes body);
/* What is awaited will not be answered: asked again at once. */
void pk_reign_lost(struct pk_member *m);
/* A new epoch begins, of which nothing is confirmed. */
void pk_reign_begin(struct pk_member *m);

#endif
