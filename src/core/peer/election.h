/*
 * The two znodes of a group, asked about and written on the service session.
 *
 *   <instances>/<group>/primary   ephemeral: "<incarnation> <address>"; its czxid is the epoch
 *   <instances>/<group>/copies    the incarnations that hold a whole copy, the primary's among them, one a line
 */
#ifndef PK_CORE_PEER_ELECTION_H
#define PK_CORE_PEER_ELECTION_H

#include "core/peer/self.h"

/* Reads both, behind a sync. */
void pk_election_look(struct pk_member *m);
/* Writes both in one multi. */
void pk_election_try(struct pk_member *m);
/* Writes the list: us, and the mates that are wanted on it. */
void pk_election_list(struct pk_member *m);

/* An answer to one of these. */
enum pk_news pk_election_answer(struct pk_member *m, const struct pk_entry *e, const struct pk_reply *r,
                                struct pk_bytes body);

/* Sends a question of ours; false when the session is to end for want of memory. */
bool pk_election_ask(struct pk_member *m, int32_t op, struct pk_bytes path, enum pk_group_part part,
                     int32_t number);

#endif
