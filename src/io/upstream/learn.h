/*
 * Asking a server who it is and what it serves, and what the answer changes.
 */
#ifndef PK_IO_UPSTREAM_LEARN_H
#define PK_IO_UPSTREAM_LEARN_H

#include "io/upstream/servers.h"

/* Asks a server who it is, unless that is under way. */
void pk_server_probe(struct pk_server *server);
/* Asks it whether that is under way or not: what was asked at a bad moment may never be answered. */
void pk_server_probe_again(struct pk_server *server);
/* A question begins whose answer is to be compared with the one before, by what it counts. What was asked earlier and
 * is not answered yet has no place between these two: it may be true of either side of an election. */
void pk_server_asks(struct pk_server *server);
/* It takes sessions, and writes, as far as its newest answer says. */
bool pk_server_serves(const struct pk_server *server);
/* An uplink to it has ended that was answered first at answered_us and last at heard_us: was it lost in between (found
 * not to serve, or begun anew), so that the end says nothing of the session? */
bool pk_server_was_lost(const struct pk_server *server, int64_t answered_us, int64_t heard_us);
/* What a probe that began at begun_us found: the server's state changes, and those that waited for it go on or are
 * turned away. */
void pk_server_probed(struct pk_server *server, enum pk_probe_result result, const char *text,
                      int64_t begun_us);

/* An uplink got through to a server: one that is not up is asked anew. */
void pk_upstream_connected(struct pk_upstream *upstream, int server);
/* An established uplink was lost: the server is asked anew, at once or a second after the last time. */
void pk_upstream_lost(struct pk_upstream *upstream, int server);
/* Time has passed: asks those whose second is over. */
void pk_upstream_ask_lost(struct pk_upstream *upstream);

#endif
