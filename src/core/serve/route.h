/*
 * Routing: a request is answered from memory, relayed, or something has to happen first.
 */
#ifndef PK_CORE_SERVE_ROUTE_H
#define PK_CORE_SERVE_ROUTE_H

#include "core/serve/pending.h"

/* Judges the oldest request that has not been taken, f; the client has no pending one. May mark the client to end. */
enum pk_decision pk_route_frame(struct pk_sync *sync, struct pk_client *c, const struct pk_frame *f);
/* Judges the client's pending request again. */
enum pk_decision pk_route_pending(struct pk_sync *sync, struct pk_client *c);

#endif
