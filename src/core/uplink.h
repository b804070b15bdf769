/*
 * The uplink's side: bytes of the ensemble in, answers out of them.
 */
#ifndef PK_CORE_UPLINK_H
#define PK_CORE_UPLINK_H

#include "core/state.h"

void pk_uplink_bytes(struct core *core, struct pk_uplink *u, const uint8_t *p, size_t n);
void pk_uplink_eof(struct core *core, struct pk_uplink *u);
/* Every server has been tried. */
void pk_uplink_failed(struct core *core, struct pk_uplink *u);
/* Whether the driver should read from the uplink. */
bool pk_uplink_wants(const struct core *core, const struct pk_uplink *u);

#endif
