/*
 * Figures that several words show. While no server has told its version, ours is that of the oldest servers that are
 * silent by default.
 */
#include "io/admin/admin.h"

#include <stdio.h>

#include "io/conn/pairs.h"
#include "io/upstream/servers.h"

/* Servers whose srvr is not whitelisted by default are at least this, and write a date like this. */
#define OLDEST_SILENT "3.5.3"
#define NO_DATE       "01/01/1970 00:00 GMT"

void pk_admin_version(const struct pk_admin *admin, char *out, size_t size)
{
    struct pk_ensemble_state state = pk_upstream_state(admin->conns->upstream);
    snprintf(out, size, "%s-pacekeeper-%s, built on %s",
             state.version[0] != '\0' ? state.version : OLDEST_SILENT, PACKAGE_VERSION,
             state.built[0] != '\0' ? state.built : NO_DATE);
}
