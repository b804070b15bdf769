/*
 * From names to addresses.
 */
#ifndef PK_IO_UPSTREAM_NAMES_H
#define PK_IO_UPSTREAM_NAMES_H

#include "io/upstream/servers.h"

/* Adds a server of the configuration, borrowed; a numeric address is in use at once. */
void pk_upstream_name_add(struct pk_upstream *upstream, const struct pk_hostport *where);
/* A name has these addresses, instead of those that it had. */
void pk_upstream_name_has(struct pk_upstream *upstream, struct pk_name *name, const struct addrinfo *found);
/* Looks all names up that are not being looked up, or only when the last time is a while ago. */
void pk_upstream_resolve(struct pk_upstream *upstream);
void pk_upstream_resolve_again(struct pk_upstream *upstream);
/* Time has passed: looks names up again, and leaves servers whose addresses no name has any more. */
void pk_upstream_names_tick(struct pk_upstream *upstream);

#endif
