/*
 * The header of the PROXY protocol, versions 1 and 2: who the client is for whom a load balancer connects. It stands
 * before everything else on the connection and may arrive in pieces.
 *
 *   v1   PROXY TCP4 10.1.2.3 10.0.0.1 43302 2181\r\n                         107 bytes at most
 *   v2   \r\n\r\n\0\r\nQUIT\n  21 11 000c  source destination ports  TLVs    LOCAL (20): a health check of its own
 *
 * Source: proxy-protocol.txt of HAProxy, and what HAProxy 2.6 takes and refuses (doc/internals/protocol.md 12).
 */
#ifndef PROTO_PROXY_HEADER_H
#define PROTO_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

enum { PK_PROXY_MOST = 107, PK_PROXY_WRITTEN = 52 };

enum pk_proxy_family {
    PK_PROXY_LOCAL, /* nobody else's: the address of the connection itself counts */
    PK_PROXY_IPV4,
    PK_PROXY_IPV6,
};

/* Zero before the first byte. */
struct pk_proxy_header {
    uint8_t have;                 /* of bytes, so far */
    uint8_t family;               /* enum pk_proxy_family, when it is whole, */
    uint16_t port;                /* and with an address: the client's, */
    uint8_t address[16];          /* 4 of them with PK_PROXY_IPV4 */
    uint16_t skip;                /* so much of version 2 is of no interest and still to come */
    uint8_t bytes[PK_PROXY_MOST]; /* what it is judged by */
};

enum pk_proxy_part {
    PK_PROXY_MORE,    /* all was taken, and it is not whole yet */
    PK_PROXY_WHOLE,   /* what is left belongs to the client */
    PK_PROXY_MISSING, /* these bytes are the beginning of no header */
    PK_PROXY_BAD,     /* it begins as one and is none */
};

/* Moves bytes of p[0..n) into the header, none of what follows it. Not again after anything but PK_PROXY_MORE. */
enum pk_proxy_part pk_proxy_take(struct pk_proxy_header *header, const uint8_t **p, size_t *n);
/* Writes a header of version 2 for a client there, without a destination; returns its length, at most
 * PK_PROXY_WRITTEN. */
size_t pk_proxy_write(uint8_t *to, enum pk_proxy_family family, const uint8_t *address, uint16_t port);

#endif
