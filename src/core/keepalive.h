/*
 * Keeping the upstream session alive, and no longer: upstream hears exactly the life that the client showed.
 */
#ifndef PK_CORE_KEEPALIVE_H
#define PK_CORE_KEEPALIVE_H

#include "core/state.h"

/* The client showed life with a request that was answered from memory: when the uplink was last written to
 * more than a sixth of the session timeout ago, one request goes there, whose reply is swallowed: exists of a cached
 * znode where the connection has a write permit on one, which validates the cached znode, else a ping. */
void pk_keepalive(struct core *core, struct pk_conn *c);

/* What time brings: handshakes that take too long, servers that do not answer, uplinks that have fallen
 * silent, last replies that nobody reads, promotions old enough to be forgotten. */
void pk_times_up(struct core *core);

#endif
