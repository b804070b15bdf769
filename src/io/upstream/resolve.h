/*
 * Host names of the upstream, each looked up in a thread of its own, so that a resolver that hangs holds up neither
 * other names nor the end of the process.
 */
#ifndef PK_IO_UPSTREAM_RESOLVE_H
#define PK_IO_UPSTREAM_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>
#include <uv.h>

#include "io/config/hostport.h"

enum pk_name_state {
    PK_NAME_NUMERIC, /* needs no lookup */
    PK_NAME_IDLE,
    PK_NAME_BUSY, /* a lookup is under way */
    PK_NAME_CLOSED,
};

struct pk_lookup;

struct pk_name {
    const struct pk_hostport *where; /* borrowed */
    enum pk_name_state state;
    bool known;      /* it has had addresses */
    bool asked;      /* a lookup has ended */
    bool failing;    /* the newest lookup gave none */
    int64_t back_us; /* when it last got an address back that no name had; 0: never */
    /* A lookup has ended: addresses that are freed afterwards, or why there are none. */
    void (*done)(struct pk_name *name, const struct addrinfo *found, const char *failure);
    void *owner;
    struct pk_lookup *lookup; /* while BUSY */
    uv_async_t answered;      /* unless NUMERIC */
};

/* Sets the name up, but for done and owner. True for a numeric address, which is then in *address. */
bool pk_resolve_init(struct pk_name *name, uv_loop_t *loop, const struct pk_hostport *where,
                     union pk_address *address);
/* Starts a lookup unless the name is numeric or busy; true when one was started, which ends with done. */
bool pk_resolve_start(struct pk_name *name);
/* Nobody waits any more: done is not called. */
void pk_resolve_close(struct pk_name *name);

#endif
