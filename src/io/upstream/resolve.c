/*
 * Names. Happy path: getaddrinfo in a thread of libuv's, all its addresses reported. Failure modes: a name
 * that cannot be resolved is reported with the reason; what it gave before stays in use.
 */
#include "io/upstream/resolve.h"

#include <stdio.h>

#include "io/loop/loop.h"
#include "io/upstream/servers.h"

void pk_resolve_init(struct pk_name *name, struct pk_upstream *upstream, const struct pk_hostport *where)
{
    union pk_address a;
    struct addrinfo one = {.ai_addr = &a.any};
    name->upstream = upstream;
    name->where = where;
    if (uv_ip4_addr(where->host, where->port, &a.v4) == 0)
        one.ai_addrlen = sizeof a.v4;
    else if (uv_ip6_addr(where->host, where->port, &a.v6) == 0)
        one.ai_addrlen = sizeof a.v6;
    name->numeric = one.ai_addrlen != 0;
    if (name->numeric)
        pk_upstream_resolved(upstream, (int)(name - upstream->names), &one, NULL);
}

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct pk_name *name = request->data;
    struct pk_upstream *upstream = name->upstream;
    struct pk_io *io = upstream->io;
    name->busy = false;
    upstream->lookups--;
    if (!upstream->closing) {
        pk_io_clock(io);
        pk_upstream_resolved(upstream, (int)(name - upstream->names), found,
                             status < 0 ? uv_strerror(status) : NULL);
        pk_io_pump(io);
    }
    uv_freeaddrinfo(found);
}

bool pk_resolve_start(struct pk_name *name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    char port[8];
    if (name->numeric || name->busy)
        return false;
    snprintf(port, sizeof port, "%u", name->where->port);
    name->request.data = name;
    if (uv_getaddrinfo(&name->upstream->io->loop, &name->request, resolved, name->where->host, port,
                       &hints) != 0)
        return false;
    name->busy = true;
    name->upstream->lookups++;
    return true;
}
