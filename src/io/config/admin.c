/*
 * The section admin. Happy path: addresses are checked as they are read, the token is the first line of a file that
 * others cannot read. Failure modes: an address that others reach without a token, a token too short to be one.
 */
#include "io/config/admin.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "io/config/hostport.h"
#include "io/config/readfile.h"

enum { TOKEN_LEAST = 16 };

const char *pk_admin_path(const char *text)
{
    return strncmp(text, "unix:", 5) == 0 ? text + 5 : NULL;
}

bool pk_admin_is_near(const char *text)
{
    struct pk_hostport where;
    const char *why = NULL;
    if (pk_admin_path(text) != NULL)
        return true;
    if (pk_hostport_parse(&where, text, strlen(text), -1, &why) != PK_OK)
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
    const char *path = pk_admin_path(text);
    *why = "the name is too long";
    if (strlen(text) >= PK_ADMIN_LISTEN)
        return PK_EINVAL;
    return path != NULL ? check_path(path, why) : pk_hostport_parse(&where, text, strlen(text), -1, why);
}

enum pk_err pk_admin_token(char token[PK_ADMIN_TOKEN], const char *path, struct pk_config_error *error)
{
    struct pk_file file;
    if (pk_file_read_secret(&file, path, error) != PK_OK)
        return PK_EINVAL;
    size_t len = strcspn((const char *)file.bytes, "\r\n");
    bool fits = len >= TOKEN_LEAST && len < PK_ADMIN_TOKEN;
    if (fits)
        snprintf(token, PK_ADMIN_TOKEN, "%.*s", (int)len, (const char *)file.bytes);
    pk_file_wipe(&file);
    return fits ? PK_OK
                : pk_config_fail(error, path, 1,
                                 "a token has at least %d bytes, and less than %d (openssl rand -hex 24)",
                                 TOKEN_LEAST, PK_ADMIN_TOKEN);
}
