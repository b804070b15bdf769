/*
 * Host names of the upstream, looked up in libuv's thread pool.
 */
#ifndef PK_IO_UPSTREAM_RESOLVE_H
#define PK_IO_UPSTREAM_RESOLVE_H

#include <stdbool.h>
#include <uv.h>

#include "io/config/hostport.h"

enum pk_name_state {
    PK_NAME_NUMERIC, /* needs no lookup */
    PK_NAME_IDLE,
    PK_NAME_BUSY, /* a lookup is under way */
};

struct pk_name {
    const struct pk_hostport *where; /* borrowed from the configuration */
    enum pk_name_state state;
    bool known; /* it has had addresses */
    /* A lookup has ended: addresses that are freed afterwards, or why there are none. */
    void (*done)(struct pk_name *name, const struct addrinfo *found, const char *failure);
    void *owner;
    uv_getaddrinfo_t request;
};

/* Sets the name up, but for done and owner. True for a numeric address, which is then in *address. */
bool pk_resolve_init(struct pk_name *name, const struct pk_hostport *where, union pk_address *address);
/* Starts a lookup unless the name is numeric or busy; true when one was started, which ends with done. */
bool pk_resolve_start(struct pk_name *name, uv_loop_t *loop);
/* Has a lookup that waits for a thread end soon; done is called all the same. */
void pk_resolve_cancel(struct pk_name *name);

#endif
