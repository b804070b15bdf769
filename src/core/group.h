/*
 * What the role of a member means for its clients, and what the driver sees of the group.
 */
#ifndef PK_CORE_GROUP_H
#define PK_CORE_GROUP_H

#include "core/core.h"
#include "core/state.h"

/* Once per step: the role machine, and what it wishes. */
void pk_group_step(struct core *core);
/* Output to a standby went out. True while its copy is on its way. */
bool pk_group_link_sent(struct core *core, const struct pk_client *c);
/* Time has passed: clients that wait for a way are closed. */
void pk_group_tick(struct core *core);

/* Events of an uplink that is the group's own (pk_uplink.group). */
void pk_group_uplink(struct core *core, struct pk_uplink *u, const struct pk_event *event);
/* It is torn down. */
void pk_group_uplink_ended(struct core *core, struct pk_uplink *u);
/* Events of another member's link. */
void pk_group_link(struct core *core, struct pk_client *c, const struct pk_event *event);

/* The reason for which a connection ends forbids that what waits for it is still said. */
bool pk_group_forbids(const struct pk_uplink *u);

#endif
