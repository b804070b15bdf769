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

#include "io/conn/peers.h"
#include "io/transport/side.h"

struct pk_opening;
struct pk_pairs;

/* The parts of a client's connection that change while it opens, borrowed from its pair. */
struct pk_newcomer {
    struct pk_pairs *conns;
    struct pk_id id;
    struct pk_side *side;
    union pk_address *peer;
    struct pk_place *place;
    struct pk_opening **opening; /* NULL when no header is expected any more */
};

/* Whether each connection from there begins with a PROXY header. */
bool pk_opening_proxied(const struct pk_pairs *conns, const union pk_address *from);
/*
 * A client begins, OPENING, that was accepted where that is spoken; its side is OPEN afterwards when nothing comes
 * before the protocol. id is not needed yet. False when memory is short.
 */
bool pk_opening_begin(const struct pk_newcomer *who, enum pk_transport transport, uv_write_cb written);
/* n bytes at p were read from the client, or the end: what of it is the protocol's. */
struct pk_received pk_opening_received(const struct pk_newcomer *who, ssize_t n, const char *p,
                                       uv_write_cb written);
/* Tells the core the client's address. */
void pk_opening_tell_address(const struct pk_newcomer *who);

#endif
