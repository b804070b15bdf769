/*
 * The member port. Happy path: a greeting leaves with the accept, the claim comes in one piece, the core takes it, the
 * answer leaves, and the socket is a pair's. Failure modes: one that has not the secret, or speaks otherwise, is
 * closed, which the log hears once a minute for each address; one that is slow, when its second is over or others need
 * its place; a relay for another primary than we are is told so. What is said here fits the socket's buffer, or the
 * connection is given up.
 */
#include "io/conn/guests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/config/config.h"
#include "io/config/group.h"
#include "io/conn/pair.h"
#include "io/conn/pairs.h"
#include "io/conn/pump.h"
#include "io/tls/send.h"
#include "io/tls/tls.h"
#include "io/upstream/probe.h"
#include "proto/member.h"

enum { PATIENCE_US = 1000000 };

struct pk_guest {
    uv_poll_t poll;
    struct pk_guests *all;
    struct pk_list list;
    int fd; /* -1: it is a pair's */
    union pk_address from;
    int64_t deadline_us;
    struct pk_member_opening opening;
    struct pk_tls *tls; /* NULL: plain, or the pair's */
};

static void closed(uv_handle_t *handle)
{
    struct pk_guest *g = handle->data;
    if (g->fd >= 0)
        close(g->fd);
    pk_tls_free(g->tls);
    free(g);
}

static void end(struct pk_guest *g)
{
    pk_list_del(&g->list);
    g->all->n--;
    uv_poll_stop(&g->poll);
    uv_close((uv_handle_t *)&g->poll, closed);
}

/* Whether the log is to hear of somebody from there: once a minute. */
static bool may_say(struct pk_guests *guests, const union pk_address *from)
{
    const struct pk_loop *loop = &guests->conns->loop;
    struct pk_guests_said *oldest = guests->said;
    for (struct pk_guests_said *s = guests->said; s < guests->said + PK_GUESTS_SAID; s++) {
        if (s->at_us != 0 && pk_address_same_host(&s->from, from))
            return pk_loop_say_again(loop, &s->at_us);
        if (s->at_us < oldest->at_us)
            oldest = s;
    }
    *oldest = (struct pk_guests_said){*from, loop->now_us};
    return true;
}

static void turn_away(struct pk_guest *g, bool wrong, const char *why)
{
    char text[PK_ADDRESS_TEXT];
    struct pk_guests *guests = g->all;
    struct pk_log_who who = {0, pk_address_text(&g->from.any, text)};
    guests->wrong += wrong;
    guests->other += !wrong;
    if (may_say(guests, &g->from))
        pk_log(guests->conns->loop.log, PK_LOG_WARN, PK_LOG_MEMBER, &who,
               "closed at the member port: %s (%" PRId64 " so far)", why, guests->wrong + guests->other);
    end(g);
}

static bool say(struct pk_guest *g, struct pk_bytes what)
{
    size_t taken = 0;
    struct pk_iov plain = {what.p, what.len};
    if (g->tls == NULL)
        return send(g->fd, what.p, what.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)what.len;
    return pk_tls_put(g->tls, &plain, 1, &taken) == PK_TLS_FINE && taken == what.len &&
           pk_tls_send(g->tls, g->fd, MSG_DONTWAIT);
}

/* ---- one that has proved it ---- */

static union pk_address address_of(const struct pk_guest *g, const struct pk_member_claim *claim)
{
    if (claim->family == PK_PROXY_LOCAL)
        return g->from;
    return pk_address_make(claim->family == PK_PROXY_IPV4 ? AF_INET : AF_INET6, claim->address, claim->port);
}

static void let_in(struct pk_guest *g, const struct pk_member_claim *claim)
{
    struct pk_id id;
    struct pk_pairs *conns = g->all->conns;
    struct pk_loop *loop = &conns->loop;
    bool link = claim->kind == PK_MEMBER_LINK, own = claim->kind == PK_MEMBER_OWN;
    enum pk_err err =
        link ? core_open_link(loop->core, loop->now_us, &id)
             : core_open_relayed(loop->core, loop->now_us, claim->epoch, claim->silent_us, own, &id);
    bool told = say(g, pk_member_answer(&g->opening, pk_group_key(loop->config), err == PK_OK));
    int fd = g->fd;
    struct pk_tls *tls = g->tls;
    union pk_address from = address_of(g, claim);
    if (err == PK_OK && told) {
        g->fd = -1;
        g->tls = NULL;
    }
    end(g); /* nobody polls the descriptor any more */
    if (err == PK_OK && told)
        pk_pair_adopt(conns, id, link ? PK_SPEAKS_LINK : PK_SPEAKS_ZOOKEEPER, fd, tls, &from);
    else if (err == PK_OK)
        pk_loop_step(loop, id, PK_CLIENT_EOF, NULL, 0);
}

static bool greet(struct pk_guest *g)
{
    uint8_t nonce[PK_MEMBER_NONCE];
    return getrandom(nonce, sizeof nonce, 0) == sizeof nonce && say(g, pk_member_greet(&g->opening, nonce));
}

/* Bytes of the claim have come. It says nothing more before it has our answer. */
static void judge(struct pk_guest *g, const uint8_t *p, size_t n)
{
    struct pk_member_claim claim;
    struct pk_bytes key = pk_group_key(g->all->conns->loop.config);
    enum pk_member_part part = pk_member_take_claim(&g->opening, key, &p, &n, &claim);
    if (part == PK_MEMBER_MORE)
        return;
    if (part == PK_MEMBER_WHOLE && n == 0)
        let_in(g, &claim);
    else if (part == PK_MEMBER_WRONG)
        turn_away(g, true, "it has not the group's secret (group.secret-file)");
    else
        turn_away(g, false, "it speaks otherwise than a member of this version");
}

/* n bytes of TLS were read. The greeting leaves with the end of the handshake. */
static void decrypt(struct pk_guest *g, const uint8_t *p, size_t n)
{
    char why[256];
    size_t len = 0;
    struct pk_loop *loop = &g->all->conns->loop;
    bool shakes = !pk_tls_open(g->tls);
    uint64_t begun_ns = uv_hrtime();
    enum pk_tls_result result = pk_tls_take(g->tls, p, n, loop->plain, PK_PLAIN_BUFFER, &len);
    if (shakes)
        pk_loop_shook(loop, (int64_t)(uv_hrtime() - begun_ns) / 1000);
    bool sent = pk_tls_send(g->tls, g->fd, MSG_DONTWAIT), greets = shakes && pk_tls_open(g->tls);
    if (result == PK_TLS_FAILED) {
        snprintf(why, sizeof why, "TLS: %.200s", pk_tls_why(g->tls));
        turn_away(g, false, why);
    } else if (result == PK_TLS_ENDED || !sent || (greets && !greet(g))) {
        end(g);
    } else if (len > 0) {
        judge(g, loop->plain, len);
    }
}

static void readable(uv_poll_t *poll, int status, int events)
{
    struct pk_guest *g = poll->data;
    struct pk_pairs *conns = g->all->conns;
    struct pk_loop *loop = &conns->loop;
    (void)events;
    (void)status; /* what is wrong shows in reading */
    if (g->tls != NULL && !pk_tls_open(g->tls) && !pk_loop_may_shake(loop))
        return;
    size_t wanted = g->tls != NULL ? PK_READ_BUFFER : pk_member_wanted(&g->opening);
    ssize_t n = recv(g->fd, loop->buffer, wanted, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    pk_loop_clock(loop);
    if (n <= 0) {
        end(g);
        return;
    }
    if (g->tls != NULL)
        decrypt(g, loop->buffer, (size_t)n);
    else
        judge(g, loop->buffer, (size_t)n);
    pk_pump(conns);
}

/* ---- one that comes ---- */

/* What it meets first: our greeting, or the handshake of TLS. */
static bool begin(struct pk_guest *g)
{
    struct pk_tls_context *tls = g->all->conns->loop.config->group_tls;
    if (tls != NULL)
        g->tls = pk_tls_new(tls, NULL);
    bool begun = tls != NULL ? g->tls != NULL : greet(g);
    return begun && uv_poll_start(&g->poll, UV_READABLE, readable) == 0;
}

void pk_guests_take(struct pk_guests *guests, int fd, const union pk_address *from)
{
    struct pk_guest *g = calloc(1, sizeof *g);
    if (guests->n == PK_GUESTS)
        turn_away(PK_CONTAINER(guests->unfinished.next, struct pk_guest, list), false,
                  "others needed its place");
    if (g == NULL || uv_poll_init(&guests->conns->loop.uv, &g->poll, fd) != 0) {
        free(g);
        close(fd);
        return;
    }
    g->all = guests;
    g->poll.data = g;
    g->fd = fd;
    g->from = *from;
    bool tls = guests->conns->loop.config->group_tls != NULL;
    g->deadline_us = guests->conns->loop.now_us + (int64_t)PATIENCE_US * (tls ? PK_TLS_PATIENCE : 1);
    pk_list_add_tail(&guests->unfinished, &g->list);
    guests->n++;
    if (!begin(g))
        end(g);
}

void pk_guests_tick(struct pk_guests *guests)
{
    PK_LIST_EACH(node, tmp, &guests->unfinished) {
        struct pk_guest *g = PK_CONTAINER(node, struct pk_guest, list);
        if (g->deadline_us > guests->conns->loop.now_us)
            break;
        turn_away(g, false, "it did not say in time who it is");
    }
}

void pk_guests_init(struct pk_guests *guests, struct pk_pairs *conns)
{
    guests->conns = conns;
    pk_list_init(&guests->unfinished);
}

void pk_guests_close(struct pk_guests *guests)
{
    PK_LIST_EACH(node, tmp, &guests->unfinished) {
        end(PK_CONTAINER(node, struct pk_guest, list));
    }
}
