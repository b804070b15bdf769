/*
 * From names to addresses. Happy path: each lookup gives the addresses of its name, new ones are probed, and pairs
 * that waited for names go on. Failure modes: a failed lookup leaves what was known; addresses that a name no longer
 * has are passed over; beyond PK_MAX_ADDRESSES a forgotten one makes room.
 */
#include "io/upstream/names.h"

#include <string.h>

#include "io/loop/loop.h"
#include "io/loop/wait.h"
#include "io/upstream/learn.h"

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
static void refuse_ourselves(struct pk_server *server, const struct pk_name *name)
{
    if (server->state != PK_SERVER_ITSELF)
        pk_log(server->upstream->loop->log, PK_LOG_ERROR, PK_LOG_START, NULL,
               "%s is %s by now, where pacekeeper itself listens: refused", name->where->host, server->name);
    pk_server_move(server, PK_SERVER_ITSELF, "");
    server->upstream->itself |= !name->known;
}

/* The addresses of a name, instead of those that it had. */
static void take(struct pk_upstream *upstream, struct pk_name *name, const struct addrinfo *found)
{
    uint32_t bit = UINT32_C(1) << (name - upstream->names);
    for (int i = 0; i < upstream->nservers; i++)
        upstream->servers[i].names &= ~bit;
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        struct pk_server *server = find_or_add(upstream, a->ai_addr);
        if (server == NULL)
            break;
        server->names |= bit;
        if (pk_selves_have(&upstream->selves, a->ai_addr))
            refuse_ourselves(server, name);
        else if (!pk_server_told(server))
            pk_server_probe(server);
    }
    name->known = true;
}

static void resolved(struct pk_name *name, const struct addrinfo *found, const char *failure)
{
    struct pk_upstream *upstream = name->owner;
    upstream->lookups--;
    if (upstream->closing)
        return;
    pk_loop_clock(upstream->loop);
    if (failure != NULL)
        pk_log(upstream->loop->log, PK_LOG_WARN, PK_LOG_RESOLVE, NULL, "%s cannot be resolved: %s",
               name->where->host, failure);
    else
        take(upstream, name, found);
    pk_waiters_call(&upstream->nameless, false);
    upstream->settled(upstream->owner);
}

void pk_upstream_name_add(struct pk_upstream *upstream, const struct pk_hostport *where)
{
    union pk_address address;
    struct addrinfo one = {.ai_addr = &address.any};
    struct pk_name *name = &upstream->names[upstream->nnames++];
    name->done = resolved;
    name->owner = upstream;
    if (pk_resolve_init(name, where, &address))
        take(upstream, name, &one);
}

void pk_upstream_resolve(struct pk_upstream *upstream)
{
    upstream->resolved_us = upstream->loop->now_us;
    for (int i = 0; i < upstream->nnames; i++)
        upstream->lookups += pk_resolve_start(&upstream->names[i], &upstream->loop->uv);
}

void pk_upstream_resolve_again(struct pk_upstream *upstream)
{
    if (upstream->lookups == 0 && upstream->loop->now_us - upstream->resolved_us >= RESOLVE_AGAIN_US)
        pk_upstream_resolve(upstream);
}
