/*
 * Listening for the admin side. Happy path: socket, bind, listen. Failure modes: an address in use is said; a socket
 * file that a killed process has left is removed when nobody answers behind it.
 */
#include "io/http/door.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/config/admin.h"
#include "io/loop/listen.h"

enum { BACKLOG = 128 };

static enum pk_err cannot(struct pk_log *log, const char *text, const char *why)
{
    pk_log(log, PK_LOG_ERROR, PK_LOG_START, NULL, "cannot listen on %s for the admin side: %s", text, why);
    return PK_EINVAL;
}

/* Whether a process listens behind a socket file. */
static bool answers(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool yes = fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ||
               (errno != ECONNREFUSED && errno != ENOENT);
    if (fd >= 0)
        close(fd);
    return yes;
}

static int bound_path(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) && !answers(address))
        unlink(address->sun_path);
    /* Who may use it is decided by its mode, before anybody can connect. */
    mode_t before = umask(0117);
    int fd = pk_listen_on((const struct sockaddr *)address, sizeof *address, false, BACKLOG);
    umask(before);
    return fd;
}

static enum pk_err open_path(struct pk_door *door, const char *text, struct pk_log *log)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", pk_admin_path(text));
    snprintf(door->name, sizeof door->name, "%s", address.sun_path);
    door->local = door->loopback = true;
    door->fd = bound_path(&address);
    return door->fd >= 0 ? PK_OK : cannot(log, text, strerror(errno));
}

/* Of a name the first address that this machine has. */
static int bound_host(const struct pk_hostport *where, const char **why)
{
    struct addrinfo *found = NULL;
    int err = pk_hostport_lookup(where, AI_PASSIVE, &found);
    if (err != 0) {
        *why = gai_strerror(err);
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next)
        fd = pk_listen_on(a->ai_addr, a->ai_addrlen, true, BACKLOG);
    *why = strerror(errno);
    freeaddrinfo(found);
    return fd;
}

enum pk_err pk_door_open(struct pk_door *door, const char *text, struct pk_log *log)
{
    struct pk_hostport where;
    union pk_address at = {.any = {0}};
    socklen_t len = sizeof at;
    const char *why = "";
    door->fd = -1;
    if (pk_admin_path(text) != NULL)
        return open_path(door, text, log);
    if (pk_hostport_parse(&where, text, strlen(text), -1, &why) != PK_OK)
        return cannot(log, text, why);
    door->fd = bound_host(&where, &why);
    if (door->fd < 0)
        return cannot(log, text, why);
    door->loopback = pk_admin_is_near(text);
    if (getsockname(door->fd, &at.any, &len) == 0)
        pk_address_text(&at.any, door->name);
    return PK_OK;
}

void pk_door_close(struct pk_door *door)
{
    if (door->fd < 0)
        return;
    close(door->fd);
    door->fd = -1;
    if (door->local)
        unlink(door->name);
}
