/*
 * Questions that wait. Happy path: connect, send the word, read to the end. Failure modes: no address, no connection,
 * no answer in time, each told by errno; a ZooKeeper without srvr is nobody of ours, as far as can be told.
 */
#include "io/config/ask.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int pk_ask_connect(const struct sockaddr *address, socklen_t len, int seconds)
{
    const struct timeval limit = {.tv_sec = seconds};
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, address, len) == 0)
        return fd;
    int why = errno == EINPROGRESS ? ETIMEDOUT : errno; /* what Linux says when the time to send is over */
    close(fd);
    errno = why;
    return -1;
}

int pk_ask_word(const struct sockaddr *address, socklen_t len, const char *word, char *text, size_t size)
{
    size_t n = 0;
    ssize_t got = 1;
    int fd = pk_ask_connect(address, len, PK_ASK_S);
    if (fd < 0)
        return -1;
    if (send(fd, word, 4, MSG_NOSIGNAL) != 4)
        got = -1;
    while (got > 0 && n < size - 1) {
        got = recv(fd, text + n, size - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
    }
    int why = errno;
    close(fd);
    text[n] = '\0';
    if (got >= 0 || n > 0 || why == ECONNRESET || why == EPIPE)
        return (int)n;
    errno = why == EAGAIN ? ETIMEDOUT : why;
    return -1;
}

bool pk_ask_is_proxy(const struct pk_hostport *where)
{
    struct addrinfo *found = NULL;
    char text[2048] = "";
    if (pk_hostport_lookup(where, 0, &found) != 0)
        return false;
    int n = pk_ask_word(found->ai_addr, found->ai_addrlen, "srvr", text, sizeof text);
    freeaddrinfo(found);
    return n > 0 && strstr(text, "\nPacekeeper instance: ") != NULL;
}
