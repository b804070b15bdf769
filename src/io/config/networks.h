/*
 * Networks as people write them: 10.0.0.0/8, 192.0.2.7, fd00::/8.
 */
#ifndef PK_IO_CONFIG_NETWORKS_H
#define PK_IO_CONFIG_NETWORKS_H

#include <stdbool.h>

#include "io/config/hostport.h"

/* IPv4 as IPv6 writes it, so that it does not matter through which socket a client comes. */
struct pk_network {
    uint8_t address[16]; /* what is behind the first bits is zero */
    uint8_t bits;
};

enum { PK_NETWORK_TEXT = 64 };

/* As people write it. Returns text. */
const char *pk_network_text(const struct pk_network *network, char text[PK_NETWORK_TEXT]);

/* Reads an address, or one with /BITS; bits behind those may be set. False when it is neither. */
bool pk_network_read(struct pk_network *out, const char *text);
/* The same for a network, which has no such bits. PK_EINVAL, and *why says what is wrong. */
enum pk_err pk_network_parse(struct pk_network *out, const char *text, const char **why) PK_NODISCARD;
/* Whether one of n networks has the address. */
bool pk_networks_have(const struct pk_network *networks, size_t n, const union pk_address *address);

#endif
