/*
 * Clients by the names that Storm gives them.
 */
#ifndef PK_IO_ADMIN_WHO_H
#define PK_IO_ADMIN_WHO_H

#include "core/core.h"

enum { PK_WHO = 160 };

/* Who writes <root>/supervisors/ID is that supervisor, who writes workerbeats/TOPOLOGY/NODE-PORT that worker, who holds
 * an ephemeral below leader-lock Nimbus; else "". Returns out. */
const char *pk_who(const struct core_conn_info *info, char out[PK_WHO]);

#endif
