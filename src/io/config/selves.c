/*
 * Is a server of the upstream ourselves? Happy path: no address of it is one of ours. Failure modes: it is one,
 * directly, by way of a wildcard and one of the machine's own addresses, or by name; a proxy of itself would serve
 * nobody. Port 0 is decided by the kernel later and is nobody's upstream.
 */
#include "io/config/selves.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A resolver that hangs must not keep the daemon from its start, where the names are looked up again. */
enum { LOOKUP_S = 5 };

/* Reads a numeric address. */
static bool number(const struct pk_hostport *where, union pk_address *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", where->port);
    if (getaddrinfo(where->host, port, &hints, &found) != 0)
        return false;
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

/* One form for each address: IPv4 as such, and the unspecified one, which connects to this machine, as loopback. */
static union pk_address plain(const struct sockaddr *address)
{
    const union pk_address *a = (const union pk_address *)(const void *)address;
    union pk_address out = {.any = {0}};
    if (address->sa_family == AF_INET)
        out.v4 = a->v4;
    else
        out.v6 = a->v6;
    if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
        out.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = a->v6.sin6_port};
        memcpy(&out.v4.sin_addr, &a->v6.sin6_addr.s6_addr[12], sizeof out.v4.sin_addr);
    }
    if (out.any.sa_family == AF_INET && out.v4.sin_addr.s_addr == INADDR_ANY)
        out.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (out.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&out.v6.sin6_addr))
        out.v6.sin6_addr = in6addr_loopback;
    return out;
}

static bool of_this_machine(const union pk_address *address)
{
    struct ifaddrs *all = NULL;
    bool found = address->any.sa_family == AF_INET
                     ? ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                     : IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    if (found || getifaddrs(&all) != 0)
        return found;
    for (const struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next) {
        if (i->ifa_addr == NULL || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
            continue;
        union pk_address own = plain(i->ifa_addr);
        found = pk_address_same_host(&own, address);
    }
    freeifaddrs(all);
    return found;
}

static void add(struct pk_selves *selves, const union pk_address *address, bool every)
{
    if (selves->n == PK_MAX_SELVES)
        return;
    selves->list[selves->n].address = *address;
    selves->list[selves->n++].every = every;
}

static bool unspecified(const union pk_address *a)
{
    return a->any.sa_family == AF_INET ? a->v4.sin_addr.s_addr == INADDR_ANY
                                       : IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

static void add_name(struct pk_selves *selves, const struct pk_hostport *where, bool name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = name ? AI_PASSIVE : AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", where->port);
    if (getaddrinfo(where->host, port, &hints, &found) != 0)
        return;
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        union pk_address raw = {.any = {0}}, address = plain(a->ai_addr);
        memcpy(&raw, a->ai_addr, a->ai_addrlen);
        add(selves, &address, unspecified(&raw));
    }
    freeaddrinfo(found);
}

static void add_all(struct pk_selves *selves, const struct pk_hostport *listens, size_t n, bool names)
{
    for (size_t i = 0; i < n; i++) {
        const struct pk_hostport *where = &listens[i];
        if (where->port == 0)
            continue;
        if (where->host[0] != '\0' && strcmp(where->host, "*") != 0) {
            add_name(selves, where, names);
            continue;
        }
        union pk_address four = {.v4 = {.sin_family = AF_INET, .sin_port = htons(where->port)}};
        union pk_address six = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(where->port)}};
        add(selves, &four, true);
        add(selves, &six, true);
    }
}

void pk_selves_find(struct pk_selves *selves, const struct pk_config *config, bool names)
{
    selves->n = 0;
    add_all(selves, config->listens, config->nlistens, names);
    add_all(selves, config->tls_listens, config->ntls_listens, names);
}

bool pk_selves_have(const struct pk_selves *selves, const struct sockaddr *address)
{
    union pk_address a = plain(address);
    for (size_t i = 0; i < selves->n; i++) {
        const union pk_address *own = &selves->list[i].address;
        /* Both families have the port at the same place. */
        if (own->any.sa_family != a.any.sa_family || own->v4.sin_port != a.v4.sin_port)
            continue;
        if (selves->list[i].every ? of_this_machine(&a) : pk_address_same_host(own, &a))
            return true;
    }
    return false;
}

static enum pk_err ourselves(const struct pk_hostport *server, const struct sockaddr *address,
                             struct pk_config_error *error)
{
    char text[PK_ADDRESS_TEXT];
    return pk_config_fail(error, NULL, 0,
                          "upstream: %.100s:%u is where pacekeeper itself listens (%s): it would be a proxy "
                          "of itself. Name the "
                          "ensemble's own servers; where storm.yaml names the proxy by now, give a copy from "
                          "before (pacekeeper adopt, "
                          "key storm-yaml)",
                          server->host, server->port, pk_address_text(address, text));
}

static enum pk_err check_found(const struct pk_selves *selves, const struct pk_hostport *server,
                               const struct addrinfo *found, struct pk_config_error *error)
{
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next)
        if (pk_selves_have(selves, a->ai_addr))
            return ourselves(server, a->ai_addr, error);
    return PK_OK;
}

/* One lookup of a name, at the side of others. */
struct lookup {
    struct gaicb request, *one;
    struct addrinfo hints;
    char port[8];
};

static void begin(struct lookup *l, const struct pk_hostport *server)
{
    snprintf(l->port, sizeof l->port, "%u", server->port);
    l->hints.ai_socktype = SOCK_STREAM;
    l->one = &l->request;
    l->request.ar_name = server->host;
    l->request.ar_service = l->port;
    l->request.ar_request = &l->hints;
    getaddrinfo_a(GAI_NOWAIT, &l->one, 1, NULL);
}

/* Waits until end; EAI_INPROGRESS when that was not long enough. */
static int wait_for(struct lookup *l, const struct timespec *end)
{
    const struct gaicb *const all[] = {&l->request};
    struct timespec now, left;
    while (gai_error(&l->request) == EAI_INPROGRESS) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        left.tv_sec = end->tv_sec - now.tv_sec;
        left.tv_nsec = 0;
        if (left.tv_sec < 0 || gai_suspend(all, 1, &left) == EAI_AGAIN)
            break;
    }
    return gai_error(&l->request);
}

static enum pk_err check_name(const struct pk_selves *selves, struct pk_config *config, struct lookup *l,
                              const struct pk_hostport *server, const struct timespec *end,
                              struct pk_config_error *error)
{
    int failed = wait_for(l, end);
    if (failed == 0)
        return check_found(selves, server, l->request.ar_result, error);
    pk_config_note(config, true, NULL, 0, "upstream: %.100s cannot be resolved now: %s", server->host,
                   failed == EAI_INPROGRESS ? "no answer in time" : gai_strerror(failed));
    return PK_OK;
}

static enum pk_err check_names(const struct pk_selves *selves, struct pk_config *config,
                               struct pk_config_error *error)
{
    struct timespec end;
    union pk_address address;
    bool hangs = false;
    enum pk_err err = PK_OK;
    struct lookup *lookups = calloc(PK_MAX_SERVERS, sizeof *lookups);
    if (lookups == NULL)
        return pk_config_fail(error, NULL, 0, "out of memory");
    for (size_t i = 0; i < config->nservers; i++)
        if (!number(&config->servers[i], &address))
            begin(&lookups[i], &config->servers[i]);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += LOOKUP_S;
    for (size_t i = 0; i < config->nservers; i++) {
        struct lookup *l = &lookups[i];
        if (l->one == NULL)
            continue;
        if (err == PK_OK)
            err = check_name(selves, config, l, &config->servers[i], &end, error);
        hangs |= gai_error(&l->request) == EAI_INPROGRESS;
        if (gai_error(&l->request) == 0)
            freeaddrinfo(l->request.ar_result);
    }
    if (!hangs) /* else a thread may still write to it */
        free(lookups);
    return err;
}

enum pk_err pk_selves_check(struct pk_config *config, bool names, struct pk_config_error *error)
{
    struct pk_selves selves;
    pk_selves_find(&selves, config, names);
    for (size_t i = 0; i < config->nservers; i++) {
        union pk_address address;
        if (number(&config->servers[i], &address) && pk_selves_have(&selves, &address.any))
            return ourselves(&config->servers[i], &address.any, error);
    }
    return names ? check_names(&selves, config, error) : PK_OK;
}
