/*
 * HOST:PORT. Happy path: the part behind the last colon is the port, brackets go around an IPv6 address. A
 * bare IPv6 address would be ambiguous and is refused; so is a chroot suffix, which is a client's own affair.
 */
#include "io/config/hostport.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static enum pk_err bad(const char **why, const char *text)
{
    *why = text;
    return PK_EINVAL;
}

static int port_number(const char *text, size_t len)
{
    int port = 0;
    if (len == 0 || len > 5)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        port = port * 10 + (text[i] - '0');
    }
    return port <= 65535 ? port : -1;
}

enum pk_err pk_hostport_parse(struct pk_hostport *out, const char *text, size_t len, int default_port,
                              const char **why)
{
    const char *end = text + len, *host = text, *colon = NULL;
    size_t host_len;
    for (size_t i = 0; i < len; i++)
        if (strchr(" \t;", text[i]) != NULL)
            return bad(why, "commas stand between several, without blanks: a:2181,b:2181");
    if (memchr(text, '/', len) != NULL)
        return bad(
            why,
            "a chroot suffix (/path) is not supported here: clients give it in their own connect string");
    if (len > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', len);
        if (close == NULL)
            return bad(why, "the bracket of the IPv6 address is not closed");
        host = text + 1;
        host_len = (size_t)(close - host);
        if (close + 1 < end && close[1] != ':')
            return bad(why, "only :PORT may follow the bracket");
        colon = close + 1 < end ? close + 1 : NULL;
    } else {
        colon = memchr(text, ':', len);
        if (colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL)
            return bad(why, "an IPv6 address stands in brackets: [::1]:2181");
        host_len = colon != NULL ? (size_t)(colon - host) : len;
    }
    if (host_len >= PK_HOST_MAX)
        return bad(why, "the host name is too long");
    int port = colon != NULL ? port_number(colon + 1, (size_t)(end - colon - 1)) : default_port;
    if (colon == NULL && port < 0)
        return bad(why, "the port is missing (HOST:PORT)");
    if (port < 0)
        return bad(why, "the port is not a number from 0 to 65535");
    for (size_t i = 0; i < host_len; i++)
        if ((unsigned char)host[i] <= ' ' || (unsigned char)host[i] >= 0x7f)
            return bad(why, "the host name has a character that names do not have");
    memcpy(out->host, host, host_len);
    out->host[host_len] = '\0';
    out->port = (uint16_t)port;
    return PK_OK;
}

int pk_hostport_lookup(const struct pk_hostport *where, int flags, struct addrinfo **found)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    bool none = where->host[0] == '\0' || strcmp(where->host, "*") == 0;
    char port[8];
    snprintf(port, sizeof port, "%u", where->port);
    return getaddrinfo(none ? NULL : where->host, port, &hints, found);
}

const char *pk_address_text(const struct sockaddr *address, char text[PK_ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "?";
    const union pk_address *a = (const union pk_address *)(const void *)address;
    if (address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof host);
        snprintf(text, PK_ADDRESS_TEXT, "%s:%u", host, ntohs(a->v4.sin_port));
    } else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
        inet_ntop(AF_INET, &a->v6.sin6_addr.s6_addr[12], host, sizeof host);
        snprintf(text, PK_ADDRESS_TEXT, "%s:%u", host, ntohs(a->v6.sin6_port));
    } else if (address->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof host);
        snprintf(text, PK_ADDRESS_TEXT, "[%s]:%u", host, ntohs(a->v6.sin6_port));
    } else {
        snprintf(text, PK_ADDRESS_TEXT, "?");
    }
    return text;
}

union pk_address pk_address_make(int family, const uint8_t *bytes, uint16_t port)
{
    union pk_address a = {.any = {0}};
    if (family == AF_INET) {
        a.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&a.v4.sin_addr, bytes, sizeof a.v4.sin_addr);
    } else {
        a.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&a.v6.sin6_addr, bytes, sizeof a.v6.sin6_addr);
    }
    return a;
}

const uint8_t *pk_address_bytes(const union pk_address *address, size_t *len)
{
    bool v6 = address->any.sa_family == AF_INET6;
    *len = v6 ? sizeof address->v6.sin6_addr : sizeof address->v4.sin_addr;
    return v6 ? (const uint8_t *)&address->v6.sin6_addr : (const uint8_t *)&address->v4.sin_addr;
}

bool pk_address_same_host(const union pk_address *a, const union pk_address *b)
{
    size_t len;
    const uint8_t *bytes = pk_address_bytes(a, &len);
    return a->any.sa_family == b->any.sa_family && memcmp(bytes, pk_address_bytes(b, &len), len) == 0;
}
