/*
 * Figures that several words show. While no server has told its version, ours is that of the oldest servers that are
 * silent by default.
 */
#include "io/admin/admin.h"

#include <stdio.h>

#include "io/conn/pairs.h"
#include "io/upstream/servers.h"

/* Servers whose srvr is not whitelisted by default are at least this. */
#define OLDEST_SILENT "3.5.3"

void pk_admin_version(const struct pk_admin *admin, char *out, size_t size)
{
    const char *version = pk_upstream_state(admin->conns->upstream).version;
    snprintf(out, size, "%s-pacekeeper-%s", version[0] != '\0' ? version : OLDEST_SILENT, PACKAGE_VERSION);
}
