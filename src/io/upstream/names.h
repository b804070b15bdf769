/*
 * From names to addresses.
 */
#ifndef PK_IO_UPSTREAM_NAMES_H
#define PK_IO_UPSTREAM_NAMES_H

#include "io/upstream/servers.h"

/* Adds a server of the configuration; a numeric address is in use at once. */
void pk_upstream_name_add(struct pk_upstream *upstream, const struct pk_hostport *where);
/* A name has these addresses, instead of those that it had. */
void pk_upstream_name_has(struct pk_upstream *upstream, struct pk_name *name, const struct addrinfo *found);
/* Looks all names up that are not being looked up, or only when the last time is a while ago. */
void pk_upstream_resolve(struct pk_upstream *upstream);
void pk_upstream_resolve_again(struct pk_upstream *upstream);
/* Time has passed: looks names up again, and leaves servers whose addresses no name has any more. */
void pk_upstream_names_tick(struct pk_upstream *upstream);

/*
 * The servers are these from now on: who is at one that is not named any more leaves it with the next tick. False, and
 * nothing is changed, when there were too many different ones since the start.
 */
bool pk_upstream_change(struct pk_upstream *upstream, const struct pk_hostport *list, size_t n);

#endif
