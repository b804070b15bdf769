/*
 * A socket that listens. Happy path: socket, options, bind, listen. Failure modes: the first of them that fails, by
 * errno; nothing stays open then.
 */
#include "io/loop/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

/* An address of TCP is free again as soon as its listener has gone. */
static bool prepare(int fd, int family, bool dual)
{
    const int on = 1, only_v6 = !dual;
    return (family == AF_UNIX || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0) &&
           (family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6) == 0);
}

int pk_listen_on(const struct sockaddr *address, socklen_t len, bool dual, int backlog)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (prepare(fd, address->sa_family, dual) && bind(fd, address, len) == 0 && listen(fd, backlog) == 0)
        return fd;
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}
