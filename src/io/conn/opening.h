/*
 * What comes before the protocol on a client's connection: the PROXY header where its network has one, then the
 * handshake of TLS where its listener speaks that.
 *
 *   accepted ──► (PROXY header: the true address) ──► (TLS: the subject of a certificate) ──► the connect request
 *
 * All of it counts against handshake-timeout, which the core measures from the accept.
 */
#ifndef PK_IO_CONN_OPENING_H
#define PK_IO_CONN_OPENING_H

#include "io/conn/pairs.h"

/* Whether each connection from there begins with a PROXY header. */
bool pk_opening_proxied(const struct pk_pairs *conns, const union pk_address *from);
/*
 * A client begins, OPENING, that was accepted where that is spoken; its side is OPEN afterwards when nothing comes
 * before the protocol. The core need not know it yet. False when memory is short.
 */
bool pk_opening_begin(struct pk_pair *pair, enum pk_transport transport, uv_write_cb written);
/* n bytes at p were read from the client, or the end: what of it is the protocol's. */
struct pk_received pk_opening_received(struct pk_pair *pair, ssize_t n, const char *p, uv_write_cb written);
/* Tells the core the client's address. */
void pk_opening_tell_address(const struct pk_pair *pair);

#endif
