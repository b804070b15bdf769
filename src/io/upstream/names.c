/*
 * From names to addresses. Happy path: each lookup gives the addresses of its name, new ones are probed, and pairs
 * that waited for names go on. Failure modes: a failed lookup leaves what was known; addresses that a name no longer
 * has are passed over; beyond PK_MAX_ADDRESSES a forgotten one makes room.
 */
#include <string.h>

#include "io/loop/loop.h"
#include "io/upstream/servers.h"

enum { RESOLVE_AGAIN_US = 3000000 };

/* Its place may be given to another address. */
static bool unused(const struct pk_server *server)
{
    return server->names == 0 && server->probe == NULL && server->arriving == 0 &&
           pk_list_empty(&server->waiters) && pk_list_empty(&server->queue);
}

static struct pk_server *find_or_add(struct pk_upstream *upstream, const struct sockaddr *address)
{
    size_t len = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    char text[PK_ADDRESS_TEXT];
    pk_address_text(address, text);
    int at = upstream->nservers;
    for (int i = 0; i < upstream->nservers; i++) {
        if (strcmp(upstream->servers[i].name, text) == 0)
            return &upstream->servers[i];
        if (unused(&upstream->servers[i]))
            at = i;
    }
    if (at == PK_MAX_ADDRESSES)
        return NULL;
    /* A forgotten address gives its place up only when there is no other. */
    if (upstream->nservers < PK_MAX_ADDRESSES)
        at = upstream->nservers++;
    struct pk_server *server = &upstream->servers[at];
    *server = (struct pk_server){.upstream = upstream};
    pk_list_init(&server->waiters);
    pk_list_init(&server->queue);
    memcpy(&server->address, address, len);
    memcpy(server->name, text, sizeof text);
    return server;
}

/* At the start that is a mistake of the configuration; later the name was moved, and others may serve. */
static void refuse_ourselves(struct pk_upstream *upstream, struct pk_server *server,
                             const struct pk_name *name)
{
    if (!server->refused)
        pk_log(&upstream->io->log, PK_LOG_ERROR, PK_LOG_START, NULL,
               "%s is %s by now, where pacekeeper itself listens: refused", name->where->host, server->name);
    server->refused = true;
    upstream->itself |= !name->known;
}

void pk_upstream_resolved(struct pk_upstream *upstream, int name, const struct addrinfo *found,
                          const char *failure)
{
    uint32_t bit = UINT32_C(1) << name;
    const struct pk_hostport *where = upstream->names[name].where;
    if (failure != NULL)
        pk_log(&upstream->io->log, PK_LOG_WARN, PK_LOG_RESOLVE, NULL, "%s cannot be resolved: %s",
               where->host, failure);
    else
        for (int i = 0; i < upstream->nservers; i++)
            upstream->servers[i].names &= ~bit;
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        struct pk_server *server = find_or_add(upstream, a->ai_addr);
        if (server == NULL)
            break;
        server->names |= bit;
        if (pk_selves_have(&upstream->selves, a->ai_addr))
            refuse_ourselves(upstream, server, &upstream->names[name]);
        else if (!server->verified)
            pk_server_probe(server);
    }
    upstream->names[name].known |= found != NULL;
    pk_upstream_retry_all(&upstream->io->nameless);
}

void pk_upstream_resolve(struct pk_upstream *upstream)
{
    upstream->resolved_us = upstream->io->now_us;
    for (int i = 0; i < upstream->nnames; i++)
        pk_resolve_start(&upstream->names[i]);
}

void pk_upstream_resolve_again(struct pk_upstream *upstream)
{
    if (upstream->lookups == 0 && upstream->io->now_us - upstream->resolved_us >= RESOLVE_AGAIN_US)
        pk_upstream_resolve(upstream);
}
