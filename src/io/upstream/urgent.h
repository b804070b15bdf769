/*
 * While clients wait and no server serves: each server is asked again and again, so that the one that begins to serve
 * has them at once.
 */
#ifndef PK_IO_UPSTREAM_URGENT_H
#define PK_IO_UPSTREAM_URGENT_H

#include "io/loop/wait.h"
#include "io/upstream/servers.h"

/* With the upstream: makes its timer, and closes it. */
void pk_urgent_init(struct pk_upstream *upstream);
void pk_urgent_close(struct pk_upstream *upstream);
/* Somebody has begun to wait: servers are asked every 100 ms until one serves, or nobody waits. */
void pk_urgent_begin(struct pk_upstream *upstream);
/* Waits until a server serves; who tires of it leaves the list. */
void pk_upstream_wait_served(struct pk_upstream *upstream, struct pk_waiter *wait);

#endif
