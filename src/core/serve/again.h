/*
 * What must be in the ensemble before a held client is attached to it. A standby relays without a look at memory, of
 * which it has but a copy; once it has taken over, what its clients had under way, and the watches that they have, are
 * the ensemble's to answer, and memory holds what the primary would have promoted first.
 */
#ifndef PK_CORE_SERVE_AGAIN_H
#define PK_CORE_SERVE_AGAIN_H

#include "core/conn/client.h"
#include "core/sync/sync.h"

/* True when nothing that c has under way, or watches, is held in memory alone; else that is promoted, and c woken at
 * the end of it, or it is being flushed. */
bool pk_again_ready(struct pk_sync *sync, struct pk_client *c);

#endif
