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
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/config/group.h"
#include "io/conn/opening.h"
#include "io/conn/pair.h"
#include "io/conn/pairs.h"
#include "io/conn/pump.h"
#include "io/loop/inherit.h"
#include "io/loop/listen.h"

enum { BACKLOG = 4096, ACCEPTS_PER_TURN = 64 };

struct pk_listener {
    struct pk_list list;
    struct pk_listeners *all;
    struct pk_port port;      /* what is spoken there, */
    struct pk_hostport where; /* as it is configured */
    bool inherited;           /* the service manager has opened it */
    uv_poll_t poll;
    int fd;
};

/* An address of the configuration. */
struct named {
    struct pk_port port;
    const struct pk_hostport *where;
    struct pk_hostport members; /* room for theirs */
};

static struct pk_listener *at(const struct pk_list *node)
{
    return PK_CONTAINER(node, struct pk_listener, list);
}

static bool every_address(const struct pk_hostport *where)
{
    return where->host[0] == '\0' || strcmp(where->host, "*") == 0;
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

static void on_closed(uv_handle_t *handle)
{
    struct pk_listener *l = handle->data;
    free(l);
}

static void close_one(struct pk_listener *l)
{
    pk_list_del(&l->list);
    l->all->n--;
    uv_poll_stop(&l->poll);
    close(l->fd);
    uv_close((uv_handle_t *)&l->poll, on_closed);
}

/* Takes the socket over. */
static enum pk_err add(struct pk_listeners *listeners, const struct named *named, int fd, bool inherited)
{
    struct pk_listener *l = listeners->n < PK_MAX_SOCKETS ? calloc(1, sizeof *l) : NULL;
    if (l == NULL) {
        close(fd);
        return listeners->n < PK_MAX_SOCKETS ? PK_ENOMEM : PK_ELIMIT;
    }
    *l = (struct pk_listener){
        .all = listeners, .port = named->port, .where = *named->where, .fd = fd, .inherited = inherited};
    if (uv_poll_init(&listeners->conns->loop.uv, &l->poll, fd) != 0) {
        close(fd);
        free(l);
        return PK_ENOMEM;
    }
    l->poll.data = l;
    pk_list_add_tail(&listeners->fresh, &l->list);
    listeners->n++;
    return PK_OK;
}

/* Opens one socket, or takes the one that is open there. dual: of IPv6, for both families. False: why is in errno. */
static bool open_socket(struct pk_listeners *listeners, const struct named *named,
                        const struct sockaddr *address, socklen_t len, bool dual, enum pk_err *err)
{
    int inherited = pk_inherit_take(listeners->inherited, address);
    int fd = inherited >= 0 ? inherited : pk_listen_on(address, len, dual, BACKLOG);
    if (fd < 0)
        return false;
    *err = add(listeners, named, fd, inherited >= 0);
    return true;
}

/* Both families in one socket where the machine has IPv6, else IPv4. */
static enum pk_err open_every(struct pk_listeners *listeners, const struct named *named)
{
    uint16_t port = htons(named->where->port);
    union pk_address six = {.v6 = {.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = in6addr_any}};
    union pk_address four = {.v4 = {.sin_family = AF_INET, .sin_port = port}};
    enum pk_err err = PK_OK;
    if (open_socket(listeners, named, &six.any, sizeof six.v6, true, &err))
        return err;
    if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
        return cannot(listeners, named->where, strerror(errno));
    if (open_socket(listeners, named, &four.any, sizeof four.v4, false, &err))
        return err;
    return cannot(listeners, named->where, strerror(errno));
}

/* A name may have several addresses; all of them are listened on, as far as there is room. */
static enum pk_err open_one(struct pk_listeners *listeners, const struct named *named)
{
    const struct pk_hostport *where = named->where;
    if (every_address(where))
        return open_every(listeners, named);
    struct addrinfo *found = NULL;
    size_t before = listeners->n;
    int failed = pk_hostport_lookup(where, AI_PASSIVE, &found);
    if (failed != 0)
        return cannot(listeners, where, gai_strerror(failed));
    enum pk_err err = PK_OK;
    for (struct addrinfo *a = found; a != NULL && err == PK_OK; a = a->ai_next)
        if (!open_socket(listeners, named, a->ai_addr, a->ai_addrlen, false, &err) && errno != EAFNOSUPPORT &&
            (errno != EADDRNOTAVAIL || found->ai_next == NULL))
            err = cannot(listeners, where, strerror(errno));
    freeaddrinfo(found);
    return err == PK_OK && listeners->n == before ? cannot(listeners, where, "no address of this machine")
                                                  : err;
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

static enum pk_err cannot_leave(struct pk_listeners *listeners, const struct pk_hostport *where)
{
    pk_log(listeners->conns->loop.log, PK_LOG_ERROR, PK_LOG_START, NULL,
           "the socket on %s:%u is the service manager's: it must be named as long as that has it open",
           every_address(where) ? "*" : where->host, where->port);
    return PK_EINVAL;
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
    PK_LIST_EACH(node, tmp, &listeners->open)
        uv_poll_stop(&at(node)->poll);
    pk_list_del(&listeners->paused.list);
    pk_list_add_tail(&conns->room, &listeners->paused.list);
    if (make_room(listeners, NULL) || !pk_loop_say_again(&conns->loop, &listeners->pause_said_us))
        return;
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

/* The i-th address, those for ZooKeeper's clients first; false beyond the last. */
static bool named_at(const struct pk_config *config, size_t i, struct named *named)
{
    const struct {
        struct pk_port port;
        const struct pk_hostport *v;
        size_t n;
    } lists[] = {
        {{PK_SPEAKS_ZOOKEEPER, PK_TRANSPORT_PLAIN}, config->listens, config->nlistens},
        {{PK_SPEAKS_ZOOKEEPER, PK_TRANSPORT_TLS}, config->tls_listens, config->ntls_listens},
        {{PK_SPEAKS_PACEMAKER, PK_TRANSPORT_PLAIN}, config->pacemaker_listens, config->npacemaker_listens},
    };
    for (size_t l = 0; l < sizeof lists / sizeof *lists; i -= lists[l++].n)
        if (i < lists[l].n) {
            *named = (struct named){.port = lists[l].port, .where = &lists[l].v[i]};
            return true;
        }
    *named = (struct named){.port = {PK_SPEAKS_MEMBER, PK_TRANSPORT_PLAIN}, .where = &named->members};
    return i == 0 && pk_group_address(config, &named->members);
}

/* The socket is open at this address. Port 0 is another port for each that is spoken there. */
static bool is_at(const struct pk_listener *l, const struct named *named)
{
    bool alike = l->port.speaks == named->port.speaks && l->port.transport == named->port.transport;
    return l->where.port == named->where->port && strcmp(l->where.host, named->where->host) == 0 &&
           (l->where.port != 0 || alike);
}

/* What the configuration says of its address; false when it does not name it. */
static bool name_of(const struct pk_config *config, const struct pk_listener *l, struct named *named)
{
    for (size_t i = 0; named_at(config, i, named); i++)
        if (is_at(l, named))
            return true;
    return false;
}

static bool is_open(const struct pk_listeners *listeners, const struct named *named)
{
    PK_LIST_EACH(node, tmp, &listeners->open)
        if (is_at(at(node), named))
            return true;
    return false;
}

static enum pk_err open_fresh(struct pk_listeners *listeners, const struct pk_config *config)
{
    struct named named;
    enum pk_err err = PK_OK;
    for (size_t i = 0; err == PK_OK && named_at(config, i, &named); i++)
        if (!is_open(listeners, &named))
            err = open_one(listeners, &named);
    return err;
}

/* The manager's socket stays open whatever we do: its clients would wait there for ever. */
static enum pk_err keep_inherited(struct pk_listeners *listeners, const struct pk_config *config)
{
    struct named named;
    PK_LIST_EACH(node, tmp, &listeners->open)
        if (at(node)->inherited && !name_of(config, at(node), &named))
            return cannot_leave(listeners, &at(node)->where);
    return PK_OK;
}

enum pk_err pk_listeners_prepare(struct pk_listeners *listeners, const struct pk_config *config)
{
    enum pk_err err = keep_inherited(listeners, config);
    if (err == PK_OK)
        err = open_fresh(listeners, config);
    if (err != PK_OK)
        pk_listeners_forget(listeners);
    return err;
}

void pk_listeners_forget(struct pk_listeners *listeners)
{
    PK_LIST_EACH(node, tmp, &listeners->fresh)
        close_one(at(node));
}

enum pk_err pk_listeners_open(struct pk_listeners *listeners, struct pk_pairs *conns, size_t pair_limit)
{
    listeners->conns = conns;
    conns->admits = admits;
    conns->gate = listeners;
    listeners->pair_limit = pair_limit;
    pk_list_init(&listeners->open);
    pk_list_init(&listeners->fresh);
    pk_waiter_init(&listeners->paused, room);
    pk_guests_init(&listeners->guests, conns);
    enum pk_err err = open_fresh(listeners, conns->loop.config);
    return err == PK_OK ? check_inherited(listeners) : err;
}

/* Gives a client that was accepted a pair, or closes it. Who comes through a proxy has his address's limit later. */
static void admit(struct pk_listener *l, int fd, const union pk_address *peer)
{
    struct pk_listeners *listeners = l->all;
    struct pk_pairs *conns = listeners->conns;
    int64_t most = conns->loop.config->max_connections;
    if (l->port.speaks == PK_SPEAKS_MEMBER) {
        pk_guests_take(&listeners->guests, fd, peer);
    } else if (!pk_opening_proxied(conns, peer) && !admits(listeners, peer)) {
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
    if (getsockname(l->fd, &bound.any, &len) != 0)
        return false;
    pk_address_text(&bound.any, text);
    return true;
}

static bool start(struct pk_listeners *listeners)
{
    bool started = true;
    PK_LIST_EACH(node, tmp, &listeners->open)
        started &= uv_poll_start(&at(node)->poll, UV_READABLE, on_readable) == 0;
    return started;
}

static const char *said(struct pk_port port)
{
    if (port.speaks == PK_SPEAKS_PACEMAKER)
        return " for Pacemaker's clients";
    if (port.speaks == PK_SPEAKS_MEMBER)
        return " for the group's members";
    return port.transport == PK_TRANSPORT_TLS ? " with TLS" : "";
}

/* What was opened is used from now on. */
static void take_fresh(struct pk_listeners *listeners)
{
    char text[PK_ADDRESS_TEXT];
    PK_LIST_EACH(node, tmp, &listeners->fresh) {
        pk_list_del(node);
        pk_list_add_tail(&listeners->open, node);
        if (bound_to(at(node), text))
            pk_log(listeners->conns->loop.log, PK_LOG_INFO, PK_LOG_START, NULL, "listening on %s%s", text,
                   said(at(node)->port));
    }
}

enum pk_err pk_listeners_start(struct pk_listeners *listeners)
{
    take_fresh(listeners);
    return start(listeners) ? PK_OK : PK_ENOMEM;
}

void pk_listeners_change(struct pk_listeners *listeners, const struct pk_config *config)
{
    struct named named;
    PK_LIST_EACH(node, tmp, &listeners->open)
        if (name_of(config, at(node), &named))
            at(node)->port = named.port;
        else
            close_one(at(node));
    take_fresh(listeners);
    if (!paused(listeners))
        (void)!start(listeners); /* fails for no descriptor that could be bound */
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
    PK_LIST_EACH(node, tmp, &listeners->open)
        if (at(node)->port.speaks == PK_SPEAKS_ZOOKEEPER && bound_to(at(node), text)) {
            pk_text_add(out, "%s%s", between, text);
            between = ",";
        }
}

void pk_listeners_close(struct pk_listeners *listeners)
{
    if (listeners->conns == NULL)
        return;
    pk_list_del(&listeners->paused.list);
    pk_guests_close(&listeners->guests);
    pk_listeners_forget(listeners);
    PK_LIST_EACH(node, tmp, &listeners->open)
        close_one(at(node));
}
