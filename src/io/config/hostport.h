/*
 * Addresses as people write them (HOST:PORT, [IPV6]:PORT) and as the log shows them.
 */
#ifndef PK_IO_CONFIG_HOSTPORT_H
#define PK_IO_CONFIG_HOSTPORT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { PK_HOST_MAX = 256, PK_ADDRESS_TEXT = 64 };

struct pk_hostport {
    char host[PK_HOST_MAX]; /* name or numeric address, without brackets; empty when none was given */
    uint16_t port;
};

/* An IPv4 or IPv6 address with its port; smaller than sockaddr_storage because there is one for each client.
 */
union pk_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/*
 * Reads text[0..len). A missing port is default_port; with a default_port below 0 it is an error. On
 * PK_EINVAL *why says what is wrong.
 */
enum pk_err pk_hostport_parse(struct pk_hostport *out, const char *text, size_t len, int default_port,
                              const char **why) PK_NODISCARD;

struct addrinfo;
/*
 * Asks the resolver for every address of a stream there; flags are getaddrinfo's. "" and "*" are every address of this
 * machine with AI_PASSIVE, else the one that only this machine reaches. 0 and *found, which freeaddrinfo frees, or an
 * error of getaddrinfo.
 */
int pk_hostport_lookup(const struct pk_hostport *where, int flags, struct addrinfo **found);

/* An address of that family, AF_INET or AF_INET6, whose 4 or 16 bytes are there. */
union pk_address pk_address_make(int family, const uint8_t *bytes, uint16_t port);
/* The bytes of one, borrowed, and how many. */
const uint8_t *pk_address_bytes(const union pk_address *address, size_t *len);
/* Whether both are of one host, whatever the ports. */
bool pk_address_same_host(const union pk_address *a, const union pk_address *b);
/* Numeric address and port for people: 10.0.0.7:2181, [fe80::1]:2181. Returns text. */
const char *pk_address_text(const struct sockaddr *address, char text[PK_ADDRESS_TEXT]);

#endif
