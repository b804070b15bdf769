/*
 * Names of clients. Happy path: a part of what they write or hold. Failure modes: a path that is none of Storm's has no
 * name.
 */
#include "io/admin/who.h"

#include <stdio.h>
#include <string.h>

/* What stands behind a component of the path, NULL when it has none. */
static const char *behind(struct pk_bytes path, const char *component, size_t *len)
{
    size_t n = strlen(component);
    for (size_t i = 0; path.p != NULL && i + n < path.len; i++) {
        if (memcmp(path.p + i, component, n) != 0)
            continue;
        *len = path.len - i - n;
        return (const char *)path.p + i + n;
    }
    return NULL;
}

static bool supervisor(struct pk_bytes path, char out[PK_WHO])
{
    size_t len;
    const char *id = behind(path, "/supervisors/", &len);
    if (id == NULL || memchr(id, '/', len) != NULL)
        return false;
    snprintf(out, PK_WHO, "supervisor %.*s", (int)(len < 120 ? len : 120), id);
    return true;
}

static bool worker(struct pk_bytes path, char out[PK_WHO])
{
    size_t len;
    const char *rest = behind(path, "/workerbeats/", &len);
    const char *slash = rest != NULL ? memchr(rest, '/', len) : NULL;
    if (slash == NULL)
        return false;
    size_t topology = (size_t)(slash - rest), slot = len - topology - 1;
    snprintf(out, PK_WHO, "worker %.*s of %.*s", (int)(slot < 64 ? slot : 64), slash + 1,
             (int)(topology < 64 ? topology : 64), rest);
    return true;
}

const char *pk_who(const struct core_conn_info *info, char out[PK_WHO])
{
    size_t len;
    out[0] = '\0';
    if (behind(info->holds, "/leader-lock/", &len) != NULL)
        snprintf(out, PK_WHO, "Nimbus");
    else if (!supervisor(info->holds, out) && !supervisor(info->writes, out) && !worker(info->writes, out))
        out[0] = '\0';
    return out;
}
