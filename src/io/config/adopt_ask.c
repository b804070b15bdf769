/*
 * Who answers there? Happy path: connect, send srvr, read to the end, look for the line that only pacekeeper has.
 * Failure modes: no address, no connection, no answer in time, a ZooKeeper without srvr: nobody of ours, as far as can
 * be told.
 */
#include "io/config/adopt_ask.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static bool ask(int fd, const struct addrinfo *where)
{
    const struct timeval limit = {.tv_sec = 1};
    char text[2048];
    size_t n = 0;
    ssize_t got = 1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, where->ai_addr, where->ai_addrlen) != 0 || send(fd, "srvr", 4, MSG_NOSIGNAL) != 4)
        return false;
    while (got > 0 && n < sizeof text - 1) {
        got = recv(fd, text + n, sizeof text - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
    }
    text[n] = '\0';
    return strstr(text, "\nPacekeeper instance: ") != NULL;
}

bool pk_adopt_is_proxy(const struct pk_hostport *where)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char port[8];
    bool proxy = false;
    snprintf(port, sizeof port, "%u", where->port);
    if (getaddrinfo(where->host, port, &hints, &found) != 0)
        return false;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        proxy = ask(fd, found);
        close(fd);
    }
    freeaddrinfo(found);
    return proxy;
}
