/*
 * Listening sockets. Happy path: bind, listen, accept until the kernel has no more, one pair for each client.
 * Failure modes: an address in use is said plainly; beyond a limit (descriptors, max-connections, that of one address)
 * the oldest client that has not sent a connect request makes room; without one the newcomer is closed at once, or, for
 * want of descriptors, waits in the kernel's queue until a pair has ended, which is said once a minute at most.
 */
#include "io/conn/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/conn/opening.h"
#include "io/conn/pair.h"
#include "io/conn/pairs.h"
#include "io/conn/pump.h"
#include "io/loop/inherit.h"
#include "io/loop/listen.h"

enum { BACKLOG = 4096, ACCEPTS_PER_TURN = 64, SAY_AGAIN_US = 60 * 1000000 };

static bool every_address(const struct pk_hostport *where)
{
    return where->host[0] == '\0' || strcmp(where->host, "*") == 0;
}

/* Opens one socket, or takes the one that is open there; returns it or -1 with errno. */
static int open_socket(struct pk_listeners *listeners, const struct sockaddr *address, socklen_t len,
                       bool dual)
{
    int fd = pk_inherit_take(listeners->inherited, address);
    return fd >= 0 ? fd : pk_listen_on(address, len, dual, BACKLOG);
}

/* Both families in one socket where the machine has IPv6, else IPv4. */
static int open_every(struct pk_listeners *listeners, uint16_t port)
{
    union pk_address a = {
        .v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any}};
    int fd = open_socket(listeners, &a.any, sizeof a.v6, true);
    if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
        return fd;
    a = (union pk_address){.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
    return open_socket(listeners, &a.any, sizeof a.v4, false);
}

static enum pk_err cannot(struct pk_listeners *listeners, const struct pk_hostport *where, const char *why)
{
    const char *hint = strcmp(why, strerror(EADDRINUSE)) == 0
                           ? ": is another pacekeeper, a ZooKeeper, or Storm's Pacemaker running there?"
                           : "";
    bool six = strchr(where->host, ':') != NULL;
    pk_log(listeners->conns->loop.log, PK_LOG_ERROR, PK_LOG_START, NULL, "cannot listen on %s%s%s:%u: %s%s",
           six ? "[" : "", every_address(where) ? "*" : where->host, six ? "]" : "", where->port, why, hint);
    return PK_EINVAL;
}

static enum pk_err add(struct pk_listeners *listeners, struct pk_port port, int fd)
{
    if (listeners->n == sizeof listeners->sockets / sizeof *listeners->sockets) {
        close(fd);
        return PK_ELIMIT;
    }
    struct pk_listener *l = &listeners->sockets[listeners->n];
    l->all = listeners;
    l->port = port;
    l->fd = fd;
    if (uv_poll_init(&listeners->conns->loop.uv, &l->poll, fd) != 0) {
        close(fd);
        return PK_ENOMEM;
    }
    l->poll.data = l;
    listeners->n++;
    return PK_OK;
}

/* A name may have several addresses; all of them are listened on, as far as there is room. */
static enum pk_err open_one(struct pk_listeners *listeners, struct pk_port spoken,
                            const struct pk_hostport *where)
{
    if (every_address(where)) {
        int fd = open_every(listeners, where->port);
        return fd < 0 ? cannot(listeners, where, strerror(errno)) : add(listeners, spoken, fd);
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", where->port);
    int err = getaddrinfo(where->host, port, &hints, &found);
    if (err != 0)
        return cannot(listeners, where, gai_strerror(err));
    enum pk_err result = PK_OK;
    for (struct addrinfo *a = found; a != NULL && result == PK_OK; a = a->ai_next) {
        int fd = open_socket(listeners, a->ai_addr, a->ai_addrlen, false);
        if (fd >= 0)
            result = add(listeners, spoken, fd);
        else if (errno != EAFNOSUPPORT && (errno != EADDRNOTAVAIL || found->ai_next == NULL))
            result = cannot(listeners, where, strerror(errno));
    }
    freeaddrinfo(found);
    return result;
}

static bool paused(const struct pk_listeners *listeners)
{
    return !pk_list_empty(&listeners->paused.list);
}

static void room(struct pk_waiter *wait, bool turned_away)
{
    (void)turned_away;
    struct pk_listeners *listeners = PK_CONTAINER(wait, struct pk_listeners, paused);
    pk_list_add_tail(&listeners->conns->room, &wait->list);
    pk_listeners_resume(listeners);
}

/* Clients would wait there for ever: the manager keeps its socket open whatever we do. */
static enum pk_err check_inherited(struct pk_listeners *listeners)
{
    char text[PK_ADDRESS_TEXT] = "another kind of address";
    struct sockaddr_storage address;
    const char *name = pk_inherit_left(listeners->inherited, &address);
    if (name == NULL)
        return PK_OK;
    if (address.ss_family == AF_INET || address.ss_family == AF_INET6)
        pk_address_text((const struct sockaddr *)&address, text);
    pk_log(listeners->conns->loop.log, PK_LOG_ERROR, PK_LOG_START, NULL,
           "the socket %s of the service manager listens on %s, which listen does not name: name it there",
           name, text);
    return PK_EINVAL;
}

/* Ends the oldest client that has not sent a connect request, from there or from anywhere (NULL). */
static bool make_room(struct pk_listeners *listeners, const union pk_address *from)
{
    struct pk_place *oldest = pk_peers_oldest(&listeners->conns->peers, from);
    if (oldest == NULL)
        return false;
    listeners->made_room++;
    pk_pair_dismiss(PK_CONTAINER(oldest, struct pk_pair, place));
    return true;
}

static void pause_accept(struct pk_listeners *listeners, const char *why)
{
    struct pk_pairs *conns = listeners->conns;
    listeners->pauses++;
    for (size_t i = 0; i < listeners->n; i++)
        uv_poll_stop(&listeners->sockets[i].poll);
    pk_list_del(&listeners->paused.list);
    pk_list_add_tail(&conns->room, &listeners->paused.list);
    if (make_room(listeners, NULL))
        return;
    if (listeners->pause_said_us != 0 && conns->loop.now_us - listeners->pause_said_us < SAY_AGAIN_US)
        return;
    listeners->pause_said_us = conns->loop.now_us;
    pk_log(conns->loop.log, PK_LOG_WARN, PK_LOG_ACCEPT, NULL,
           "accepting pauses with %zu clients until one leaves: %s (raise the limit of file descriptors)",
           pk_pairs_clients(conns), why);
}

static void reject(struct pk_listeners *listeners, const union pk_address *peer, const char *limit,
                   int64_t reached)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_log_who who = {0, pk_address_text(&peer->any, text)};
    listeners->rejected++;
    pk_log(listeners->conns->loop.log, PK_LOG_WARN, PK_LOG_ACCEPT, &who,
           "closed at once: %s (%" PRId64 ") reached", limit, reached);
}

/* Where the limit of one address is reached, the oldest from there without a connect request makes room. */
static bool admits(void *owner, const union pk_address *from)
{
    struct pk_listeners *listeners = owner;
    const struct pk_pairs *conns = listeners->conns;
    int64_t of_one = conns->loop.config->max_per_address;
    if (of_one <= 0 || (int64_t)pk_peers_from(&conns->peers, from) < of_one || make_room(listeners, from))
        return true;
    listeners->rejected_per_address++;
    reject(listeners, from, "max-connections-per-address", of_one);
    return false;
}

static enum pk_err open_list(struct pk_listeners *listeners, struct pk_port port,
                             const struct pk_hostport *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t before = listeners->n;
        enum pk_err err = open_one(listeners, port, &list[i]);
        if (err == PK_OK && listeners->n == before)
            err = cannot(listeners, &list[i], "no address of this machine");
        if (err != PK_OK)
            return err;
    }
    return PK_OK;
}

enum pk_err pk_listeners_open(struct pk_listeners *listeners, struct pk_pairs *conns, size_t pair_limit)
{
    static const struct pk_port plain = {PK_SPEAKS_ZOOKEEPER, PK_TRANSPORT_PLAIN},
                                secure = {PK_SPEAKS_ZOOKEEPER, PK_TRANSPORT_TLS},
                                pacemaker = {PK_SPEAKS_PACEMAKER, PK_TRANSPORT_PLAIN};
    const struct pk_config *config = conns->loop.config;
    listeners->conns = conns;
    conns->admits = admits;
    conns->gate = listeners;
    listeners->pair_limit = pair_limit;
    pk_waiter_init(&listeners->paused, room);
    enum pk_err err = open_list(listeners, plain, config->listens, config->nlistens);
    if (err == PK_OK)
        err = open_list(listeners, secure, config->tls_listens, config->ntls_listens);
    if (err == PK_OK)
        err = open_list(listeners, pacemaker, config->pacemaker_listens, config->npacemaker_listens);
    return err == PK_OK ? check_inherited(listeners) : err;
}

/* Gives a client that was accepted a pair, or closes it. Who comes through a proxy has his address's limit later. */
static void admit(struct pk_listener *l, int fd, const union pk_address *peer)
{
    struct pk_listeners *listeners = l->all;
    struct pk_pairs *conns = listeners->conns;
    int64_t most = conns->loop.config->max_connections;
    if (!pk_opening_proxied(conns, peer) && !admits(listeners, peer)) {
        close(fd);
    } else if ((int64_t)conns->peers.places >= most && !make_room(listeners, NULL)) {
        reject(listeners, peer, "max-connections", most);
        close(fd);
    } else {
        pk_pair_open(conns, l->port, fd, peer);
    }
}

/* Accepts one client; false when there is none, or none can be taken now. */
static bool accept_one(struct pk_listener *l)
{
    union pk_address peer;
    socklen_t len = sizeof peer;
    struct pk_listeners *listeners = l->all;
    struct pk_pairs *conns = listeners->conns;
    if (conns->npairs >= listeners->pair_limit) {
        pause_accept(listeners, "no more descriptors than these are allowed");
        return false;
    }
    int fd = accept4(l->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accept(listeners, strerror(errno));
        return errno == ECONNABORTED || errno == EINTR;
    }
    admit(l, fd, &peer);
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct pk_listener *l = poll->data;
    struct pk_pairs *conns = l->all->conns;
    (void)events;
    if (status < 0)
        return;
    pk_loop_clock(&conns->loop);
    for (int i = 0; i < ACCEPTS_PER_TURN && accept_one(l); i++)
        continue;
    pk_pump(conns);
}

static bool bound_to(const struct pk_listener *l, char text[PK_ADDRESS_TEXT])
{
    union pk_address bound = {.any = {0}};
    socklen_t len = sizeof bound;
    if (l->fd < 0 || getsockname(l->fd, &bound.any, &len) != 0)
        return false;
    pk_address_text(&bound.any, text);
    return true;
}

static bool start(struct pk_listeners *listeners)
{
    bool started = true;
    for (size_t i = 0; i < listeners->n; i++)
        started &= uv_poll_start(&listeners->sockets[i].poll, UV_READABLE, on_readable) == 0;
    return started;
}

static const char *said(struct pk_port port)
{
    if (port.speaks == PK_SPEAKS_PACEMAKER)
        return " for Pacemaker's clients";
    return port.transport == PK_TRANSPORT_TLS ? " with TLS" : "";
}

enum pk_err pk_listeners_start(struct pk_listeners *listeners)
{
    char text[PK_ADDRESS_TEXT];
    if (!start(listeners))
        return PK_ENOMEM;
    for (size_t i = 0; i < listeners->n; i++)
        if (bound_to(&listeners->sockets[i], text))
            pk_log(listeners->conns->loop.log, PK_LOG_INFO, PK_LOG_START, NULL, "listening on %s%s", text,
                   said(listeners->sockets[i].port));
    return PK_OK;
}

void pk_listeners_resume(struct pk_listeners *listeners)
{
    if (!paused(listeners) || listeners->conns->npairs >= listeners->pair_limit)
        return;
    pk_list_del(&listeners->paused.list);
    if (!start(listeners))
        pk_list_add_tail(&listeners->conns->room, &listeners->paused.list);
}

void pk_listeners_text(const struct pk_listeners *listeners, struct pk_text *out)
{
    char text[PK_ADDRESS_TEXT];
    const char *between = "";
    for (size_t i = 0; i < listeners->n; i++)
        if (listeners->sockets[i].port.speaks == PK_SPEAKS_ZOOKEEPER &&
            bound_to(&listeners->sockets[i], text)) {
            pk_text_add(out, "%s%s", between, text);
            between = ",";
        }
}

static void on_closed(uv_handle_t *handle)
{
    struct pk_listener *l = handle->data;
    close(l->fd);
    l->fd = -1;
}

void pk_listeners_close(struct pk_listeners *listeners)
{
    pk_list_del(&listeners->paused.list);
    for (size_t i = 0; i < listeners->n; i++)
        if (!uv_is_closing((uv_handle_t *)&listeners->sockets[i].poll))
            uv_close((uv_handle_t *)&listeners->sockets[i].poll, on_closed);
}
