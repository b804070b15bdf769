/*
 * Keeping the upstream session alive, and no longer: upstream hears exactly the life that the client showed
 * (design.md 10).
 */
#ifndef PK_CORE_SYNC_KEEPALIVE_H
#define PK_CORE_SYNC_KEEPALIVE_H

#include "core/sync/sync.h"

/* The client showed life with a request that was answered from memory: when the uplink was last written to more than a
 * sixth of the session timeout ago, one request goes there, whose reply is swallowed: exists of a cached znode where
 * the client has a permit on one, which validates the value, else a ping. */
void pk_keepalive(struct pk_sync *sync, struct pk_client *c);

#endif
