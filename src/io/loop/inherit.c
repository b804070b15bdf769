/*
 * Inherited sockets. Happy path: from descriptor 3 on there are as many as LISTEN_FDS says, each listens. Failure
 * modes: variables that are another process's, a descriptor that is no listening socket of a network: passed over.
 */
#include "io/loop/inherit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 3 };

static bool is_listening(int fd)
{
    int on = 0, type = 0;
    socklen_t len = sizeof on;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on != 0 &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

static void add(struct pk_inherited *inherited, int fd, const char *name, size_t len)
{
    if (!is_listening(fd) || inherited->n == PK_INHERITED)
        return;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    inherited->v[inherited->n].fd = fd;
    snprintf(inherited->v[inherited->n++].name, PK_INHERITED_NAME, "%.*s", (int)(len > 0 ? len : 7),
             len > 0 ? name : "unknown");
}

void pk_inherit(struct pk_inherited *inherited)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    inherited->n = 0;
    if (pid != NULL && fds != NULL && strtol(pid, NULL, 10) == (long)getpid()) {
        const char *name = names != NULL ? names : "";
        for (long i = 0, n = strtol(fds, NULL, 10); i < n && i < PK_INHERITED; i++) {
            size_t len = strcspn(name, ":");
            add(inherited, FIRST + (int)i, name, len);
            name += len + (name[len] == ':');
        }
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

static bool same(const struct sockaddr_storage *bound, const struct sockaddr *address)
{
    if (bound->ss_family != address->sa_family)
        return false;
    const struct sockaddr_in *a4 = (const void *)bound, *b4 = (const void *)address;
    const struct sockaddr_in6 *a6 = (const void *)bound, *b6 = (const void *)address;
    if (bound->ss_family == AF_INET)
        return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    return bound->ss_family == AF_INET6 && a6->sin6_port == b6->sin6_port &&
           IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
}

int pk_inherit_take(struct pk_inherited *inherited, const struct sockaddr *address)
{
    for (size_t i = 0; i < inherited->n; i++) {
        struct sockaddr_storage bound = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof bound;
        int fd = inherited->v[i].fd;
        if (fd < 0 || getsockname(fd, (struct sockaddr *)&bound, &size) != 0 || !same(&bound, address))
            continue;
        inherited->v[i].fd = -1;
        return fd;
    }
    return -1;
}

const char *pk_inherit_left(const struct pk_inherited *inherited, struct sockaddr_storage *address)
{
    for (size_t i = 0; i < inherited->n; i++) {
        socklen_t size = sizeof *address;
        address->ss_family = AF_UNSPEC;
        if (inherited->v[i].fd < 0)
            continue;
        (void)getsockname(inherited->v[i].fd, (struct sockaddr *)address, &size);
        return inherited->v[i].name;
    }
    return NULL;
}
