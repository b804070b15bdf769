/*
 * The client's side: bytes in, frames out of them, one request judged after the other.
 */
#ifndef PK_CORE_CLIENT_H
#define PK_CORE_CLIENT_H

#include "core/state.h"

/* One that has been accepted now, in handshake; NULL when out of memory. */
struct pk_client *pk_client_open(struct core *core, int64_t now_us, enum pk_client_kind kind) PK_NODISCARD;
void pk_client_bytes(struct core *core, struct pk_client *c, const uint8_t *p, size_t n);
void pk_client_eof(struct core *core, struct pk_client *c);
/* An operator wants it to go: at the end of an answer, with nothing under way. */
void pk_client_leave(struct core *core, struct pk_client *c);
/* Its place is needed: ends it, unless its connect request has come. */
void pk_client_dismiss(struct core *core, struct pk_client *c);
/* Judges what waits again, within a budget; a connection that has nothing left to finish is closed. */
void pk_client_run(struct core *core, struct pk_client *c);
/* Whether the driver should read from the client. */
bool pk_client_wants(const struct core *core, const struct pk_client *c);

#endif
