/*
 * What is said of a pair, in the log and, when it ends, in the figures and to those who watch the servers.
 */
#ifndef PK_IO_CONN_PAIRLOG_H
#define PK_IO_CONN_PAIRLOG_H

#include "io/config/hostport.h"
#include "io/loop/log.h"

struct pk_pair;
struct pk_pairs;

/* Who it is: the client's address, or that it is our own. Returns text, or what needs no room. */
const char *pk_pair_name(const struct pk_pair *pair, char text[PK_ADDRESS_TEXT]);
/* A client has connected. */
void pk_pairlog_connected(const struct pk_pair *pair);
/* One from there could not be taken. */
void pk_pairlog_no_memory(struct pk_pairs *conns, const union pk_address *peer);
/* What was wrong with the bytes below the protocol, from the client or from the server. */
void pk_pairlog_wrong(const struct pk_pair *pair, bool client, const char *why);
/* Its session, once there is one: the core forgets it when it closes the connection, and the log wants it then. */
void pk_pairlog_session(struct pk_pair *pair);
/* It ends for that reason: said and counted, and told to those who watch the server that it was at. */
void pk_pairlog_end(const struct pk_pair *pair, enum pk_close why);

#endif
