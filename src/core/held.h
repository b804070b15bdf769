/*
 * The shield: what happens to a client when something happens to its server (design.md 9.1).
 *
 *   uplink closed, or silent ──► its server is asked ──lost──► held ──attach elsewhere──► served
 *                                        └──serves──► closed, or waited for   └──deadline, expired──► closed
 */
#ifndef PK_CORE_HELD_H
#define PK_CORE_HELD_H

#include "core/state.h"

/* A client's uplink, which was up, has closed: its server is asked, or the client is to end. */
void pk_held_closed(struct core *core, struct pk_client *c);
/* What the server of a client is, asked when the core wanted it. zxid: its newest one, 0 unknown. */
void pk_held_server(struct core *core, struct pk_client *c, bool serves, int64_t zxid);
/* Its server is to be left for another, at a moment when nothing is in flight. */
void pk_held_leave(struct core *core, struct pk_client *c);
/* The connect response of another server. */
void pk_held_response(struct core *core, struct pk_client *c, const struct pk_connect_response *res);
/* The primary of the group does not take the client of an uplink that opens: one that is held waits. */
void pk_held_failed(struct core *core, struct pk_uplink *u, enum pk_close why);
/* Its uplink is left, because the way has changed: held from now on, when it may be, else closed. */
void pk_held_regroup(struct core *core, struct pk_client *c);
/* There is a way (again). */
void pk_held_ways(struct core *core);
/* What the link says of the primary: doubts are resolved. */
void pk_held_link(struct core *core);
/* Another client takes this one's session up: it makes no attempt any more. */
void pk_held_yield(struct core *core, struct pk_client *c);
/* What it waited for before it attaches may be there. */
void pk_held_woken(struct core *core, struct pk_client *c);
/* A server was found for its attach: true when the client has fallen silent meanwhile, and there is none for now. */
bool pk_held_late(struct core *core, struct pk_client *c);
/* The server to which it attaches takes long to answer. */
void pk_held_unanswered(struct core *core, struct pk_client *c);
/* Time has passed, and it is not we who slept. */
void pk_held_tick(struct core *core);
/* When what is read now was sent, at the earliest: a loop that stood still has it read late. */
int64_t pk_held_read_us(const struct core *core);

#endif
