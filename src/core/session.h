/*
 * The handshake: connect request, a server that takes it, connect response, and the fence around a session that
 * reattaches.
 */
#ifndef PK_CORE_SESSION_H
#define PK_CORE_SESSION_H

#include "core/state.h"

/* The client's first frame: kept for every server that is tried, and an uplink is asked for. */
void pk_session_request(struct core *core, struct pk_client *c, const struct pk_frame *f);
/* The uplink is up: the connect request goes there as it came. */
void pk_session_connect(struct core *core, struct pk_uplink *u, unsigned server);
/* The server's first frame. */
void pk_session_response(struct core *core, struct pk_uplink *u, const struct pk_frame *f);
/* Lets go of an uplink that opens, or is up: what was on its way is forgotten. Its state is the caller's to move. */
void pk_session_abandon(struct core *core, struct pk_uplink *u);
/* This server does not take the session; another is asked for. why: of this one's failure. */
void pk_session_elsewhere(struct core *core, struct pk_uplink *u, enum pk_close why);
/* The service session's server is lost or slow: the session is taken up on another. */
void pk_session_move_service(struct core *core, enum pk_close why);

#endif
