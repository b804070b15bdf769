/*
 * /zookeeper/config: the ensemble's members, one "server.N=host:port:port[:role];[clienthost:]clientport" a
 * line.
 *
 * Curator reads and watches it, and moves its clients to the client addresses that it finds there, past the
 * proxy. So the part from ';' to the end of each server line is taken out, and dataLength follows; a line
 * without it is what Curator ignores.
 */
#ifndef PK_PROTO_ENSEMBLE_CONFIG_H
#define PK_PROTO_ENSEMBLE_CONFIG_H

#include "proto/records.h"

extern const struct pk_bytes pk_config_path;

/*
 * Rewrites the answer to a getData or reconfig (buffer, Stat), or to a multiRead (multi set) whose request
 * body is `asked`, from body to `to` (room for body.len bytes). Returns the new length, or 0 when the answer
 * does not decode (forward it as it is).
 */
size_t pk_config_answer(uint8_t *to, struct pk_bytes body);
size_t pk_config_multi_answer(uint8_t *to, struct pk_bytes body, struct pk_bytes asked);

/* True when a multiRead's body asks for the data of /zookeeper/config. */
bool pk_config_in_multi(struct pk_bytes asked);

#endif
