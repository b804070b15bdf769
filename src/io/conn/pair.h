/*
 * What happens to a pair, from the accept to the end: its client's bytes go to the core, what the core wants is done.
 */
#ifndef PK_IO_CONN_PAIR_H
#define PK_IO_CONN_PAIR_H

#include "io/conn/pairs.h"

/* The protocol of a client; LINK: of another member that wants a copy; MEMBER: what opens either. */
enum pk_speaks { PK_SPEAKS_ZOOKEEPER, PK_SPEAKS_PACEMAKER, PK_SPEAKS_LINK, PK_SPEAKS_MEMBER };

/* What is spoken where clients are accepted. */
struct pk_port {
    enum pk_speaks speaks;
    enum pk_transport transport;
};

/* Takes a socket over that was accepted there. Closes it when memory is short. */
void pk_pair_open(struct pk_pairs *conns, struct pk_port port, int fd, const union pk_address *peer);
/*
 * The same for one that the core knows already, and that has proved to be a member's, or a client of one; over tls,
 * which is taken over, too, NULL for none.
 */
void pk_pair_adopt(struct pk_pairs *conns, struct pk_id id, enum pk_speaks speaks, int fd, struct pk_tls *tls,
                   const union pk_address *peer);
/* Others need the place of this client, which has one and has not settled. */
void pk_pair_dismiss(struct pk_pair *pair);
/* A service session of the core begins: makes its pair, or tells the core that there will be no uplink. */
struct pk_pair *pk_pair_service(struct pk_pairs *conns, struct pk_id id);
/* Does what the core wants. */
void pk_pair_update(struct pk_pair *pair, const struct pk_update *update);
/*
 * Reads from the uplink, which has connected, and first the handshake of TLS where tls is not NULL, with who has that
 * name. False: it is lost.
 */
bool pk_pair_read_uplink(struct pk_pair *pair, struct pk_tls_context *tls, const char *name);
/* Frees the pair when the core has let go of it and both sides are closed. */
void pk_pair_maybe_free(struct pk_pair *pair);

/* Gives up answers to four-letter words that clients have not taken in time. */
void pk_pairs_timeouts(struct pk_pairs *conns);
/* Ends all without asking the core. */
void pk_pairs_abandon(struct pk_pairs *conns);

#endif
