/*
 * From names to addresses.
 */
#ifndef PK_IO_UPSTREAM_NAMES_H
#define PK_IO_UPSTREAM_NAMES_H

#include "io/upstream/servers.h"

/* Adds a server of the configuration, borrowed; a numeric address is in use at once. */
void pk_upstream_name_add(struct pk_upstream *upstream, const struct pk_hostport *where);
/* Looks all names up, or only when the last time is a while ago. */
void pk_upstream_resolve(struct pk_upstream *upstream);
void pk_upstream_resolve_again(struct pk_upstream *upstream);

#endif
