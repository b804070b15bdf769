/*
 * Host names of the upstream, looked up in libuv's thread pool.
 */
#ifndef PK_IO_UPSTREAM_RESOLVE_H
#define PK_IO_UPSTREAM_RESOLVE_H

#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "io/config/hostport.h"

struct pk_upstream;

struct pk_name {
    struct pk_upstream *upstream;
    const struct pk_hostport *where; /* borrowed from the configuration */
    bool numeric;                    /* needs no lookup */
    bool busy;                       /* a lookup is under way */
    bool known;                      /* a lookup has succeeded */
    uv_getaddrinfo_t request;
};

/* Sets the name up; a numeric address is reported with pk_upstream_resolved at once. */
void pk_resolve_init(struct pk_name *name, struct pk_upstream *upstream, const struct pk_hostport *where);
/* Starts a lookup unless the name is numeric or busy; ends with pk_upstream_resolved. True when one was
 * started. */
bool pk_resolve_start(struct pk_name *name);

#endif
