/*
 * Names. Happy path: getaddrinfo in a thread of libuv's, all its addresses reported. Failure modes: a name
 * that cannot be resolved is reported with the reason; what it gave before stays in use.
 */
#include "io/upstream/resolve.h"

#include <stdio.h>

bool pk_resolve_init(struct pk_name *name, const struct pk_hostport *where, union pk_address *address)
{
    bool numeric = uv_ip4_addr(where->host, where->port, &address->v4) == 0 ||
                   uv_ip6_addr(where->host, where->port, &address->v6) == 0;
    name->where = where;
    name->state = numeric ? PK_NAME_NUMERIC : PK_NAME_IDLE;
    return numeric;
}

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct pk_name *name = request->data;
    name->state = PK_NAME_IDLE;
    name->done(name, found, status < 0 ? uv_strerror(status) : NULL);
    uv_freeaddrinfo(found);
}

bool pk_resolve_start(struct pk_name *name, uv_loop_t *loop)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    char port[8];
    if (name->state != PK_NAME_IDLE)
        return false;
    snprintf(port, sizeof port, "%u", name->where->port);
    name->request.data = name;
    if (uv_getaddrinfo(loop, &name->request, resolved, name->where->host, port, &hints) != 0)
        return false;
    name->state = PK_NAME_BUSY;
    return true;
}

void pk_resolve_cancel(struct pk_name *name)
{
    if (name->state == PK_NAME_BUSY)
        uv_cancel((uv_req_t *)&name->request);
}
