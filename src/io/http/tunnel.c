/*
 * TLS in front of libmicrohttpd. Happy path: the handshake, then what comes is decrypted and handed on, what
 * libmicrohttpd writes is encrypted and sent; when it closes, what is left is sent, with the word that nothing follows.
 * Failure modes: bytes that are no TLS, or a certificate that is refused, end it with the reason; who takes nothing has
 * it wait, and whoever bounds the visitor's time cuts it; many handshakes at once have their share of a round
 * (PK_SHAKE_US).
 */
#include "io/http/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/tls/tls.h"

enum { PIECE = 16 * 1024 };

/* One of its two sockets. */
struct end {
    int fd;
    uv_poll_t poll;
};

struct pk_tunnel {
    struct pk_loop *loop;
    struct pk_tls *tls;
    struct end network, ours;
    uint8_t *plain;       /* what libmicrohttpd has not taken, NULL for nothing: */
    size_t len, given;    /* so much, of which this is taken */
    size_t sent;          /* of the output of TLS */
    bool heard, told;     /* nothing more comes from the visitor, and libmicrohttpd knows */
    bool said;            /* nothing more comes from libmicrohttpd */
    int handles;          /* of libuv's that are not closed yet */
    pk_tunnel_over *over; /* NULL once it was called */
    void *owner;
};

_Static_assert(PK_PLAIN_BUFFER >= PIECE + PK_TLS_RECORD, "what one piece decrypts to has room");

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct pk_tunnel *t = handle->data;
    if (--t->handles > 0)
        return;
    pk_tls_free(t->tls);
    free(t->plain);
    free(t);
}

static void close_end(struct end *end)
{
    uv_poll_stop(&end->poll);
    close(end->fd);
    uv_close((uv_handle_t *)&end->poll, on_closed);
}

static bool is_over(const struct pk_tunnel *t)
{
    return t->over == NULL;
}

static void finish(struct pk_tunnel *t, const char *why)
{
    pk_tunnel_over *over = t->over;
    if (is_over(t))
        return;
    t->over = NULL;
    over(t->owner, why);
    close_end(&t->network);
    close_end(&t->ours);
}

void pk_tunnel_cut(struct pk_tunnel *t)
{
    finish(t, NULL);
}

/* ---- what waits ---- */

static bool unsent(const struct pk_tunnel *t)
{
    size_t len = 0;
    return pk_tls_output(t->tls, &len) != NULL;
}

/* Sends what TLS has to say, as far as the visitor takes it. */
static void send_out(struct pk_tunnel *t)
{
    size_t len = 0;
    const uint8_t *p = pk_tls_output(t->tls, &len);
    while (p != NULL && t->sent < len) {
        ssize_t n = send(t->network.fd, p + t->sent, len - t->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            finish(t, NULL);
            return;
        }
        t->sent += (size_t)n;
    }
    pk_tls_drop_output(t->tls);
    t->sent = 0;
    if (t->said)
        finish(t, NULL);
}

static size_t hand(struct pk_tunnel *t, const uint8_t *p, size_t len)
{
    ssize_t n = send(t->ours.fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

/* libmicrohttpd hears of the visitor's end behind the last byte. */
static void tell_end(struct pk_tunnel *t)
{
    if (!t->heard || t->told || t->plain != NULL)
        return;
    shutdown(t->ours.fd, SHUT_WR);
    t->told = true;
}

/* More of what libmicrohttpd had not taken. */
static void give(struct pk_tunnel *t)
{
    t->given += hand(t, t->plain + t->given, t->len - t->given);
    if (t->given < t->len)
        return;
    free(t->plain);
    t->plain = NULL;
    tell_end(t);
}

/* What was decrypted: most of the time all of it is taken at once. */
static void give_now(struct pk_tunnel *t, const uint8_t *p, size_t len)
{
    size_t taken = hand(t, p, len);
    if (taken == len)
        return;
    t->len = len - taken;
    t->given = 0;
    t->plain = malloc(t->len);
    if (t->plain == NULL)
        finish(t, "memory is short");
    else
        memcpy(t->plain, p + taken, t->len);
}

/* ---- bytes ---- */

static enum pk_tls_result decrypt(struct pk_tunnel *t, size_t n, size_t *len)
{
    struct pk_loop *loop = t->loop;
    uint64_t begun_ns = pk_tls_open(t->tls) ? 0 : uv_hrtime();
    enum pk_tls_result result = pk_tls_take(t->tls, loop->buffer, n, loop->plain, PK_PLAIN_BUFFER, len);
    if (begun_ns != 0)
        pk_loop_shook(loop, (int64_t)(uv_hrtime() - begun_ns) / 1000);
    return result;
}

static void hear(struct pk_tunnel *t)
{
    size_t len = 0;
    if (!pk_tls_open(t->tls) && !pk_loop_may_shake(t->loop))
        return;
    ssize_t n = recv(t->network.fd, t->loop->buffer, PIECE, MSG_DONTWAIT);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            finish(t, NULL);
        return;
    }
    enum pk_tls_result result = n > 0 ? decrypt(t, (size_t)n, &len) : PK_TLS_ENDED;
    if (unsent(t))
        send_out(t);
    if (!is_over(t) && result == PK_TLS_FAILED)
        finish(t, pk_tls_why(t->tls));
    if (!is_over(t) && len > 0)
        give_now(t, t->loop->plain, len);
    t->heard |= result == PK_TLS_ENDED;
    if (!is_over(t) && t->heard && !pk_tls_open(t->tls))
        finish(t, NULL);
    if (!is_over(t))
        tell_end(t);
}

static void say(struct pk_tunnel *t)
{
    ssize_t n = recv(t->ours.fd, t->loop->buffer, PIECE, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    t->said = n <= 0;
    if (t->said)
        pk_tls_close(t->tls);
    for (size_t off = 0, taken = 0; n > 0 && off < (size_t)n; off += taken) {
        struct pk_iov rest = {t->loop->buffer + off, (size_t)n - off};
        if (pk_tls_put(t->tls, &rest, 1, &taken) != PK_TLS_FINE) {
            finish(t, pk_tls_why(t->tls));
            return;
        }
    }
    send_out(t);
}

/* ---- the loop's side ---- */

static void watch(struct end *end, bool readable, bool writable, uv_poll_cb cb)
{
    int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
    if (events == 0)
        uv_poll_stop(&end->poll);
    else
        uv_poll_start(&end->poll, events, cb);
}

static void on_network(uv_poll_t *poll, int status, int events);
static void on_ours(uv_poll_t *poll, int status, int events);

static void wait_for(struct pk_tunnel *t)
{
    bool waits = unsent(t), rest = t->plain != NULL;
    if (is_over(t))
        return;
    watch(&t->network, !waits && !rest && !t->heard, waits, on_network);
    watch(&t->ours, !waits && !t->said && pk_tls_open(t->tls), rest, on_ours);
}

static void on_network(uv_poll_t *poll, int status, int events)
{
    struct pk_tunnel *t = poll->data;
    if (status != 0)
        finish(t, NULL);
    if (!is_over(t) && (events & UV_WRITABLE) && unsent(t))
        send_out(t);
    if (!is_over(t) && (events & UV_READABLE) && !unsent(t) && t->plain == NULL && !t->heard)
        hear(t);
    wait_for(t);
}

static void on_ours(uv_poll_t *poll, int status, int events)
{
    struct pk_tunnel *t = poll->data;
    if (status != 0)
        finish(t, NULL);
    if (!is_over(t) && (events & UV_WRITABLE) && t->plain != NULL)
        give(t);
    if (!is_over(t) && (events & UV_READABLE) && !unsent(t) && !t->said)
        say(t);
    wait_for(t);
}

/* ---- the beginning ---- */

static bool begin(struct pk_tunnel *t, int fd, int ours)
{
    uv_loop_t *uv = &t->loop->uv;
    t->network.fd = fd;
    t->ours.fd = ours;
    t->network.poll.data = t->ours.poll.data = t;
    if (uv_poll_init(uv, &t->network.poll, fd) != 0)
        return false;
    t->handles = 1;
    if (uv_poll_init(uv, &t->ours.poll, ours) == 0) {
        t->handles = 2;
        return true;
    }
    uv_close((uv_handle_t *)&t->network.poll, on_closed); /* which frees it */
    return false;
}

struct pk_tunnel *pk_tunnel_open(struct pk_loop *loop, struct pk_tls_context *tls, int fd, int *inner,
                                 pk_tunnel_over *over, void *owner)
{
    int pair[2] = {-1, -1};
    struct pk_tunnel *t = calloc(1, sizeof *t);
    bool made = t != NULL;
    if (made) {
        *t = (struct pk_tunnel){.loop = loop, .over = over, .owner = owner, .tls = pk_tls_new(tls, NULL)};
        made =
            t->tls != NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0;
    }
    if (made && begin(t, fd, pair[0])) {
        *inner = pair[1];
        wait_for(t);
        return t;
    }
    close(fd);
    if (made) {
        close(pair[0]);
        close(pair[1]);
    }
    if (t != NULL && t->handles == 0) {
        pk_tls_free(t->tls);
        free(t);
    }
    return NULL;
}
