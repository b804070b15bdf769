/*
 * Mounts that were added while clients are served (core.h: core_mount_add) begin.
 */
#ifndef PK_CORE_MOUNT_BEGIN_H
#define PK_CORE_MOUNT_BEGIN_H

#include "core/state.h"

/* Once a tick: begins those whose time has come, and lets go of the policies of those that are gone. */
void pk_mounts_tick(struct core *core);

#endif
