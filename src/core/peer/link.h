/*
 * Links: the bytes on them, and a standby's end.
 *
 *   OPENING ──connected──► GREETED ──WELCOME──► COPYING ──SNAPSHOT_END──► WHOLE
 *                             └──REFUSED──► RELAYING (heartbeats, no copy)
 *
 * Lost after a second of silence, when it closes, and when another epoch begins: a link has one.
 */
#ifndef PK_CORE_PEER_LINK_H
#define PK_CORE_PEER_LINK_H

#include "core/peer/self.h"

/* Once per step of a standby: opens the link, ends it, acknowledges. */
void pk_link_step(struct pk_member *m);
/* Closes it; nothing of it is remembered but the copy. */
void pk_link_close(struct pk_member *m);

/* What became of the standby's connection. */
void pk_link_ready(struct pk_member *m);
void pk_link_bytes(struct pk_member *m, const uint8_t *p, size_t n);
/* It could not be made (refused: the port refuses), or has ended. */
void pk_link_failed(struct pk_member *m, bool refused);
void pk_link_eof(struct pk_member *m);
/* The connection is torn down. */
void pk_link_ended(struct pk_member *m);

/* Whether the primary lives is to be known: the number of a question that is asked now. */
int64_t pk_link_ask(struct pk_member *m);

/* Room for a frame on a link; NULL: the connection is to end. */
uint8_t *pk_link_room(struct pk_member *m, struct pk_link *l, size_t len);
/* Sends a frame of longs. */
void pk_link_send(struct pk_member *m, struct pk_link *l, enum pk_frame_kind kind, const int64_t *v, int n);
/* Gives the whole frames of a stream to `take`, one after the other, until that says false. False: no frames. */
bool pk_link_frames(struct pk_member *m, struct pk_link *l, const uint8_t *p, size_t n,
                    bool (*take)(struct pk_member *m, struct pk_link *l, int kind, struct pk_bytes body));

#endif
