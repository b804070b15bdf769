/*
 * The ensemble behind us, from start to stop.
 */
#ifndef PK_IO_UPSTREAM_UPSTREAM_H
#define PK_IO_UPSTREAM_UPSTREAM_H

#include "io/upstream/servers.h"

/*
 * Makes the list of servers from the loop's configuration and starts to resolve and probe them. settled(owner) is
 * called from the loop, after waits went on. PK_ENOMEM: *out is NULL.
 */
enum pk_err pk_upstream_open(struct pk_upstream **out, struct pk_loop *loop, void (*settled)(void *owner),
                             void *owner) PK_NODISCARD;
/* Ends probes and lookups; their handles close. */
void pk_upstream_close(struct pk_upstream *upstream);
/* After the loop has ended; NULL is allowed. */
void pk_upstream_free(struct pk_upstream *upstream);
/* True when nothing but ourselves was ever found, or a name led to ourselves from the start: no upstream to serve
 * with. */
bool pk_upstream_itself(const struct pk_upstream *upstream);
/*
 * Probes and looks names up again when status-interval has passed; probes every second while no server serves. Who is
 * at a server that was left meanwhile is the caller's to take away (pk_upstream.leaving).
 */
void pk_upstream_tick(struct pk_upstream *upstream);

#endif
