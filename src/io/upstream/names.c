/*
 * From names to addresses. Happy path: names are looked up at the start, every status-interval and after a failure;
 * each lookup gives the addresses of its name, new ones are probed, and pairs that waited for names go on. An address
 * that its name has lost gets no new clients; when it stays lost, those that are there leave it, because by now it may
 * be another cluster's. Failure modes: a failed lookup leaves what was known, and is said once; a resolver that gives
 * some of many addresses at a time takes none away from those that are there; beyond PK_MAX_ADDRESSES one that was left
 * makes room.
 */
#include "io/upstream/names.h"

#include <string.h>

#include "io/loop/loop.h"
#include "io/loop/wait.h"
#include "io/upstream/learn.h"

enum { RESOLVE_AGAIN_US = 3000000, LOST_INTERVALS = 3 };

/* A name that has got an address back within this time gives them in turn. */
static const int64_t in_turn_us = INT64_C(3600) * 1000000;

static uint32_t bit_of(const struct pk_name *name)
{
    const struct pk_upstream *upstream = name->owner;
    return UINT32_C(1) << (name - upstream->names);
}

static bool in_turn(const struct pk_name *name)
{
    const struct pk_upstream *upstream = name->owner;
    return name->back_us != 0 && upstream->loop->now_us - name->back_us < in_turn_us;
}

/* Its place may be given to another address. */
static bool unused(const struct pk_server *server)
{
    return server->left && pk_list_empty(&server->probes) && server->arriving == 0 &&
           pk_list_empty(&server->waiters) && pk_entrants_empty(&server->queue) &&
           pk_list_empty(&server->questions) && pk_list_empty(&server->asks) &&
           pk_list_empty(&server->asks_next);
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
    pk_list_init(&server->probes);
    pk_list_init(&server->waiters);
    pk_entrants_init(&server->queue);
    struct pk_list *lists[] = {&server->questions, &server->asks, &server->asks_next};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        pk_list_init(lists[i]);
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

static void gain(struct pk_server *server, struct pk_name *name)
{
    struct pk_upstream *upstream = server->upstream;
    bool back = server->gone_us != 0, had = server->names & bit_of(name);
    if (back)
        name->back_us = upstream->loop->now_us;
    if (name->known && !had && !in_turn(name))
        pk_log(upstream->loop->log, PK_LOG_INFO, PK_LOG_RESOLVE, NULL, "%s has the address %s now",
               name->where->host, server->name);
    server->names |= bit_of(name);
    server->had |= bit_of(name);
    server->gone_us = 0;
    server->left = false;
    if (pk_selves_have(&upstream->selves, &server->address.any))
        refuse_ourselves(server, name);
    else if (back || !pk_server_told(server))
        pk_server_probe(server);
}

static void lose(struct pk_server *server, const struct pk_name *name)
{
    struct pk_upstream *upstream = server->upstream;
    if (!(server->names & bit_of(name)))
        return;
    server->names &= ~bit_of(name);
    if (server->names == 0)
        server->gone_us = upstream->loop->now_us;
    if (!in_turn(name))
        pk_log(upstream->loop->log, PK_LOG_INFO, PK_LOG_RESOLVE, NULL, "%s has the address %s no longer",
               name->where->host, server->name);
}

void pk_upstream_name_has(struct pk_upstream *upstream, struct pk_name *name, const struct addrinfo *found)
{
    uint64_t has = 0;
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        struct pk_server *server = find_or_add(upstream, a->ai_addr);
        if (server == NULL)
            break;
        has |= UINT64_C(1) << (server - upstream->servers);
        gain(server, name);
    }
    for (int i = 0; i < upstream->nservers; i++)
        if (!(has >> i & 1))
            lose(&upstream->servers[i], name);
    name->known = true;
}

/* The state is said once, not with each lookup. */
static void say(struct pk_name *name, const char *failure)
{
    struct pk_upstream *upstream = name->owner;
    if (failure != NULL && !name->failing)
        pk_log(upstream->loop->log, PK_LOG_WARN, PK_LOG_RESOLVE, NULL, "%s cannot be resolved: %s",
               name->where->host, failure);
    else if (failure == NULL && name->failing)
        pk_log(upstream->loop->log, PK_LOG_INFO, PK_LOG_RESOLVE, NULL, "%s can be resolved again",
               name->where->host);
    name->failing = failure != NULL;
}

static void resolved(struct pk_name *name, const struct addrinfo *found, const char *failure)
{
    struct pk_upstream *upstream = name->owner;
    upstream->lookups--;
    pk_loop_clock(upstream->loop);
    say(name, failure);
    if (failure == NULL)
        pk_upstream_name_has(upstream, name, found);
    pk_waiters_call(&upstream->nameless, false);
    upstream->settled(upstream->owner);
}

void pk_upstream_name_add(struct pk_upstream *upstream, const struct pk_hostport *where)
{
    union pk_address address;
    struct addrinfo one = {.ai_addr = &address.any};
    struct pk_hostport *kept = &upstream->wheres[upstream->nnames];
    struct pk_name *name = &upstream->names[upstream->nnames++];
    *kept = *where;
    name->done = resolved;
    name->owner = upstream;
    if (pk_resolve_init(name, &upstream->loop->uv, kept, &address))
        pk_upstream_name_has(upstream, name, &one);
}

void pk_upstream_resolve(struct pk_upstream *upstream)
{
    upstream->resolved_us = upstream->loop->now_us;
    upstream->failed = false;
    for (int i = 0; i < upstream->nnames; i++)
        upstream->lookups += pk_resolve_start(&upstream->names[i]);
}

void pk_upstream_resolve_again(struct pk_upstream *upstream)
{
    if (upstream->loop->now_us - upstream->resolved_us >= RESOLVE_AGAIN_US)
        pk_upstream_resolve(upstream);
}

/* Lost for long enough, and to none of those names that give their addresses in turn. */
static bool stays_lost(const struct pk_server *server)
{
    const struct pk_upstream *upstream = server->upstream;
    int64_t patience_us = upstream->loop->config->status_interval * 1000 * LOST_INTERVALS;
    if (server->gone_us == 0 || upstream->loop->now_us - server->gone_us < patience_us)
        return false;
    for (int i = 0; i < upstream->nnames; i++)
        if ((server->had >> i & 1) && in_turn(&upstream->names[i]))
            return false;
    return true;
}

static void leave(struct pk_server *server)
{
    server->left = true;
    while (pk_probe_cancel(&server->probes))
        continue;
    pk_waiters_call(&server->waiters, true);
    pk_entrants_turn_away(&server->queue);
    server->upstream->leaving = true;
}

void pk_upstream_names_tick(struct pk_upstream *upstream)
{
    if (upstream->loop->now_us - upstream->resolved_us >= upstream->loop->config->status_interval * 1000)
        pk_upstream_resolve(upstream);
    else if (upstream->failed)
        pk_upstream_resolve_again(upstream);
    for (int i = 0; i < upstream->nservers; i++)
        if (!upstream->servers[i].left && stays_lost(&upstream->servers[i])) {
            pk_log(upstream->loop->log, PK_LOG_WARN, PK_LOG_UPSTREAM, NULL,
                   "server %s is left: no name has its address any more, and it may be another cluster's",
                   upstream->servers[i].name);
            leave(&upstream->servers[i]);
        }
}

static bool is_where(const struct pk_hostport *a, const struct pk_hostport *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* The name of that server, unless it was dropped. */
static struct pk_name *find_name(struct pk_upstream *upstream, const struct pk_hostport *where)
{
    for (int i = 0; i < upstream->nnames; i++)
        if (upstream->names[i].state != PK_NAME_CLOSED && is_where(upstream->names[i].where, where))
            return &upstream->names[i];
    return NULL;
}

/* It stays in the list, closed: bits of servers go by its place. */
static void drop(struct pk_name *name)
{
    struct pk_upstream *upstream = name->owner;
    upstream->lookups -= name->state == PK_NAME_BUSY;
    pk_resolve_close(name);
    name->asked = true;
    for (int i = 0; i < upstream->nservers; i++) {
        struct pk_server *server = &upstream->servers[i];
        bool had = server->names & bit_of(name);
        server->names &= ~bit_of(name);
        server->had &= ~bit_of(name);
        if (had && server->names == 0) {
            server->gone_us = upstream->loop->now_us;
            leave(server);
        }
    }
}

bool pk_upstream_change(struct pk_upstream *upstream, const struct pk_hostport *list, size_t n)
{
    size_t added = 0;
    for (size_t i = 0; i < n; i++)
        added += find_name(upstream, &list[i]) == NULL;
    if ((size_t)upstream->nnames + added > PK_MAX_SERVERS)
        return false;
    for (size_t i = 0; i < n; i++)
        if (find_name(upstream, &list[i]) == NULL)
            pk_upstream_name_add(upstream, &list[i]);
    for (int i = 0; i < upstream->nnames; i++) {
        bool wanted = upstream->names[i].state == PK_NAME_CLOSED;
        for (size_t j = 0; j < n && !wanted; j++)
            wanted = is_where(upstream->names[i].where, &list[j]);
        if (!wanted)
            drop(&upstream->names[i]);
    }
    pk_upstream_resolve(upstream);
    return true;
}
