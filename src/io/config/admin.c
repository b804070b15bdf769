/*
 * Addresses of the admin side. Happy path: they are checked as they are read. Failure modes: a socket without its whole
 * path, a name that is too long.
 */
#include "io/config/admin.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "io/config/hostport.h"

const char *pk_admin_path(const char *text)
{
    return strncmp(text, "unix:", 5) == 0 ? text + 5 : NULL;
}

static const char tls[] = "tls:";

bool pk_admin_is_tls(const char *text)
{
    return strncmp(text, tls, sizeof tls - 1) == 0;
}

const char *pk_admin_bare(const char *text)
{
    return pk_admin_is_tls(text) ? text + sizeof tls - 1 : text;
}

bool pk_admin_is_near(const char *text)
{
    struct pk_hostport where;
    const char *why = NULL, *bare = pk_admin_bare(text);
    if (pk_admin_path(text) != NULL)
        return true;
    if (pk_hostport_parse(&where, bare, strlen(bare), -1, &why) != PK_OK)
        return false;
    return strncmp(where.host, "127.", 4) == 0 || strcmp(where.host, "::1") == 0 ||
           strcmp(where.host, "localhost") == 0;
}

static enum pk_err check_path(const char *path, const char **why)
{
    struct sockaddr_un address;
    *why = path[0] != '/' ? "a socket is named by its whole path: unix:/run/pacekeeper/admin.sock"
                          : "the path of a socket has at most 107 bytes";
    return path[0] == '/' && strlen(path) < sizeof address.sun_path ? PK_OK : PK_EINVAL;
}

enum pk_err pk_admin_address(const char *text, const char **why)
{
    struct pk_hostport where;
    const char *path = pk_admin_path(text), *bare = pk_admin_bare(text);
    *why = "the name is too long";
    if (strlen(text) >= PK_ADMIN_LISTEN)
        return PK_EINVAL;
    if (path != NULL)
        return check_path(path, why);
    *why = "TLS is for HOST:PORT: a socket file has none";
    return pk_admin_path(bare) == NULL ? pk_hostport_parse(&where, bare, strlen(bare), -1, why) : PK_EINVAL;
}
