/*
 * Listening sockets. Happy path: bind, listen, accept until the kernel has no more, one pair for each client.
 * Failure modes: an address in use is said plainly; at the limit of descriptors accepting pauses, is said
 * once a minute at most, and goes on when a pair has ended; beyond max-connections a client is closed at
 * once.
 */
#include "io/conn/listener.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/conn/pair.h"
#include "io/loop/loop.h"

enum { BACKLOG = 4096, ACCEPTS_PER_TURN = 64, SAY_AGAIN_US = 60 * 1000000 };

static bool every_address(const struct pk_hostport *where)
{
    return where->host[0] == '\0' || strcmp(where->host, "*") == 0;
}

/* Opens one socket; returns it or -1 with errno. */
static int open_socket(const struct sockaddr *address, socklen_t len, bool dual)
{
    int on = 1, off = 0;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (address->sa_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual ? &off : &on, sizeof on) == 0) &&
        bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}

/* Both families in one socket where the machine has IPv6, else IPv4. */
static int open_every(uint16_t port)
{
    union pk_address a = {
        .v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any}};
    int fd = open_socket(&a.any, sizeof a.v6, true);
    if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
        return fd;
    a = (union pk_address){.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
    return open_socket(&a.any, sizeof a.v4, false);
}

static enum pk_err cannot(struct pk_io *io, const struct pk_hostport *where, const char *why)
{
    const char *hint = strcmp(why, strerror(EADDRINUSE)) == 0
                           ? ": is another pacekeeper, or a ZooKeeper, running there?"
                           : "";
    bool six = strchr(where->host, ':') != NULL;
    pk_log(&io->log, PK_LOG_ERROR, PK_LOG_START, NULL, "cannot listen on %s%s%s:%u: %s%s", six ? "[" : "",
           every_address(where) ? "*" : where->host, six ? "]" : "", where->port, why, hint);
    return PK_EINVAL;
}

static enum pk_err add(struct pk_io *io, int fd)
{
    if (io->nlisteners == PK_MAX_LISTENS) {
        close(fd);
        return PK_ELIMIT;
    }
    struct pk_listener *l = &io->listeners[io->nlisteners];
    l->io = io;
    l->fd = fd;
    if (uv_poll_init(&io->loop, &l->poll, fd) != 0) {
        close(fd);
        return PK_ENOMEM;
    }
    l->poll.data = l;
    io->nlisteners++;
    return PK_OK;
}

/* A name may have several addresses; all of them are listened on, as far as there is room. */
static enum pk_err open_one(struct pk_io *io, const struct pk_hostport *where)
{
    if (every_address(where)) {
        int fd = open_every(where->port);
        return fd < 0 ? cannot(io, where, strerror(errno)) : add(io, fd);
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", where->port);
    int err = getaddrinfo(where->host, port, &hints, &found);
    if (err != 0)
        return cannot(io, where, gai_strerror(err));
    enum pk_err result = PK_OK;
    for (struct addrinfo *a = found; a != NULL && result == PK_OK && io->nlisteners < PK_MAX_LISTENS;
         a = a->ai_next) {
        int fd = open_socket(a->ai_addr, a->ai_addrlen, false);
        if (fd >= 0)
            result = add(io, fd);
        else if (errno != EAFNOSUPPORT && (errno != EADDRNOTAVAIL || found->ai_next == NULL))
            result = cannot(io, where, strerror(errno));
    }
    freeaddrinfo(found);
    return result;
}

enum pk_err pk_listeners_open(struct pk_io *io)
{
    for (size_t i = 0; i < io->config->nlistens; i++) {
        size_t before = io->nlisteners;
        enum pk_err err = open_one(io, &io->config->listens[i]);
        if (err == PK_OK && io->nlisteners == before)
            err = cannot(io, &io->config->listens[i], "no address of this machine");
        if (err != PK_OK)
            return err;
    }
    return PK_OK;
}

static void pause_accept(struct pk_io *io, const char *why)
{
    for (size_t i = 0; i < io->nlisteners; i++)
        uv_poll_stop(&io->listeners[i].poll);
    io->accept_paused = true;
    if (io->pause_said_us != 0 && io->now_us - io->pause_said_us < SAY_AGAIN_US)
        return;
    io->pause_said_us = io->now_us;
    pk_log(&io->log, PK_LOG_WARN, PK_LOG_ACCEPT, NULL,
           "accepting pauses with %zu clients until one leaves: %s (raise the limit of file descriptors)",
           pk_io_clients(io), why);
}

/* Accepts one client; false when there is none, or none can be taken now. */
static bool accept_one(struct pk_io *io, int listener)
{
    union pk_address peer;
    socklen_t len = sizeof peer;
    if (io->npairs >= io->pair_limit) {
        pause_accept(io, "no more descriptors than these are allowed");
        return false;
    }
    int fd = accept4(listener, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accept(io, strerror(errno));
        return errno == ECONNABORTED || errno == EINTR;
    }
    if (pk_io_clients(io) >= (size_t)io->config->max_connections) {
        char text[PK_ADDRESS_TEXT];
        struct pk_log_who who = {0, pk_address_text(&peer.any, text)};
        io->rejected++;
        pk_log(&io->log, PK_LOG_WARN, PK_LOG_ACCEPT, &who, "closed at once: max-connections (%zu) reached",
               pk_io_clients(io));
        close(fd);
        return true;
    }
    pk_pair_open(io, fd, &peer);
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct pk_listener *l = poll->data;
    (void)events;
    if (status < 0)
        return;
    pk_io_clock(l->io);
    for (int i = 0; i < ACCEPTS_PER_TURN && !pk_io_stopping(l->io) && accept_one(l->io, l->fd); i++)
        continue;
    pk_io_pump(l->io);
}

enum pk_err pk_listeners_start(struct pk_io *io)
{
    char text[PK_ADDRESS_TEXT];
    for (size_t i = 0; i < io->nlisteners; i++) {
        union pk_address bound = {.any = {0}};
        socklen_t len = sizeof bound;
        if (uv_poll_start(&io->listeners[i].poll, UV_READABLE, on_readable) != 0)
            return PK_ENOMEM;
        if (getsockname(io->listeners[i].fd, &bound.any, &len) == 0)
            pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL, "listening on %s",
                   pk_address_text(&bound.any, text));
    }
    return PK_OK;
}

void pk_listeners_resume(struct pk_io *io)
{
    if (!io->accept_paused || pk_io_stopping(io) || io->npairs >= io->pair_limit)
        return;
    io->accept_paused = false;
    for (size_t i = 0; i < io->nlisteners; i++)
        if (uv_poll_start(&io->listeners[i].poll, UV_READABLE, on_readable) != 0)
            io->accept_paused = true;
}

static void on_closed(uv_handle_t *handle)
{
    struct pk_listener *l = handle->data;
    close(l->fd);
    l->fd = -1;
}

void pk_listeners_close(struct pk_io *io)
{
    for (size_t i = 0; i < io->nlisteners; i++)
        if (!uv_is_closing((uv_handle_t *)&io->listeners[i].poll))
            uv_close((uv_handle_t *)&io->listeners[i].poll, on_closed);
}
