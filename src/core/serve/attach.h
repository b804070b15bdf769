/*
 * What becomes of a client's requests and watches when its server is lost, and how another server is told of them.
 *
 *   lost:     what has been answered leaves, what is awaited is asked again, what was parked behind it too
 *   attached: addauth ... | sync | setWatches ... | what was in flight, in its order | what waited in the backlog
 */
#ifndef PK_CORE_SERVE_ATTACH_H
#define PK_CORE_SERVE_ATTACH_H

#include "core/conn/hold.h"
#include "core/sync/sync.h"

/* Everything leaves for the client that may without its uplink: afterwards it is at a boundary between answers. */
void pk_attach_settle(struct pk_sync *sync, struct pk_client *c);
/* The uplink of a client that may be held is lost: what it owes will be asked again, what was ours is lost. */
void pk_attach_lost(struct pk_sync *sync, struct pk_client *c);
/* The connect request for its session on another server; NULL when out of memory. */
struct pk_blob *pk_attach_request(struct pk_conns *conns, const struct pk_client *c) PK_NODISCARD;
/* The session has been taken up: sends all of that. c->hold then says how many answers to setWatches are awaited. */
void pk_attach_send(struct pk_sync *sync, struct pk_client *c);

#endif
