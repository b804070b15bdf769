/*
 * Is a server of the upstream ourselves? Happy path: no address of it is one of ours. Failure modes: it is one, directly,
 * by way of a wildcard and one of the machine's own addresses, or by name; a proxy of itself would serve nobody. Port 0
 * is decided by the kernel later and is nobody's upstream.
 */
#include "io/config/selves.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

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

/* Without the port. */
static bool same_host(const union pk_address *a, const union pk_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    return a->any.sa_family == AF_INET ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
                                       : IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
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
        found = same_host(&own, address);
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

static void add_name(struct pk_selves *selves, const struct pk_hostport *where)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
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

void pk_selves_find(struct pk_selves *selves, const struct pk_config *config)
{
    selves->n = 0;
    for (size_t i = 0; i < config->nlistens; i++) {
        const struct pk_hostport *where = &config->listens[i];
        if (where->port == 0)
            continue;
        if (where->host[0] != '\0' && strcmp(where->host, "*") != 0) {
            add_name(selves, where);
            continue;
        }
        union pk_address four = {.v4 = {.sin_family = AF_INET, .sin_port = htons(where->port)}};
        union pk_address six = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(where->port)}};
        add(selves, &four, true);
        add(selves, &six, true);
    }
}

bool pk_selves_have(const struct pk_selves *selves, const struct sockaddr *address)
{
    union pk_address a = plain(address);
    for (size_t i = 0; i < selves->n; i++) {
        const union pk_address *own = &selves->list[i].address;
        /* Both families have the port at the same place. */
        if (own->any.sa_family != a.any.sa_family || own->v4.sin_port != a.v4.sin_port)
            continue;
        if (selves->list[i].every ? of_this_machine(&a) : same_host(own, &a))
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

static enum pk_err check_name(const struct pk_selves *selves, struct pk_config *config,
                              const struct pk_hostport *server, struct pk_config_error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", server->port);
    int failed = getaddrinfo(server->host, port, &hints, &found);
    if (failed != 0) {
        pk_config_note(config, true, NULL, 0, "upstream: %.100s cannot be resolved now: %s", server->host,
                       gai_strerror(failed));
        return PK_OK;
    }
    enum pk_err err = PK_OK;
    for (const struct addrinfo *a = found; a != NULL && err == PK_OK; a = a->ai_next)
        if (pk_selves_have(selves, a->ai_addr))
            err = ourselves(server, a->ai_addr, error);
    freeaddrinfo(found);
    return err;
}

enum pk_err pk_selves_check(struct pk_config *config, bool names, struct pk_config_error *error)
{
    struct pk_selves selves;
    pk_selves_find(&selves, config);
    for (size_t i = 0; i < config->nservers; i++) {
        const struct pk_hostport *server = &config->servers[i];
        union pk_address address;
        if (number(server, &address)) {
            if (pk_selves_have(&selves, &address.any))
                return ourselves(server, &address.any, error);
        } else if (names && check_name(&selves, config, server, error) != PK_OK) {
            return PK_EINVAL;
        }
    }
    return PK_OK;
}
