/*
 * A connection that waits. Happy path: connect, with TLS shake hands, then bytes in both directions. Failure modes: no
 * connection, silence for longer than its socket's patience, an end in the middle of the handshake, a certificate that
 * is refused, by us or by the server: each in words, and nothing more is sent.
 */
#include "io/config/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/config/ask.h"
#include "io/tls/send.h"
#include "io/tls/tls.h"

/* SHAKE_S: a ZooKeeper's first handshake takes seconds. */
enum { PIECE = 16 * 1024, CAME = PIECE + PK_TLS_RECORD, SHAKE_S = 5 };

/* Has TLS take another piece of the network: as recv(2), and EPROTO. */
static ssize_t take(struct pk_channel *c)
{
    uint8_t piece[PIECE];
    c->taken = c->n = 0;
    ssize_t got = recv(c->fd, piece, sizeof piece, 0);
    if (got <= 0)
        return got;
    enum pk_tls_result result = pk_tls_take(c->tls, piece, (size_t)got, c->came, CAME, &c->n);
    bool sent = pk_tls_send(c->tls, c->fd, 0);
    c->ended = result == PK_TLS_ENDED || !sent;
    if (result != PK_TLS_FAILED)
        return got;
    errno = EPROTO;
    return -1;
}

static bool shake(struct pk_channel *c, const struct pk_channel_to *to, char why[PK_CHANNEL_WHY])
{
    ssize_t got = 1;
    c->tls = pk_tls_new(to->tls, to->name);
    c->came = malloc(CAME);
    bool going = c->tls != NULL && c->came != NULL && pk_tls_begin(c->tls) == PK_TLS_FINE &&
                 pk_tls_send(c->tls, c->fd, 0);
    while (going && !pk_tls_open(c->tls)) {
        got = take(c);
        going = got > 0 && !c->ended;
    }
    if (going)
        return true;
    if (got == 0 || (got < 0 && errno == ECONNRESET))
        snprintf(why, PK_CHANNEL_WHY, "it closes connections that begin with TLS: this is its plain port");
    else if (got < 0 && errno == EAGAIN)
        snprintf(why, PK_CHANNEL_WHY, "the handshake of TLS was not done in time");
    else
        snprintf(why, PK_CHANNEL_WHY, "%s", got < 0 ? pk_channel_why(c) : "the handshake of TLS broke off");
    return false;
}

static void drop(struct pk_channel *c)
{
    close(c->fd);
    pk_tls_free(c->tls);
    free(c->came);
}

bool pk_channel_open(struct pk_channel *c, const struct pk_channel_to *to, char why[PK_CHANNEL_WHY])
{
    int patience_s = to->tls != NULL ? SHAKE_S : PK_ASK_S;
    *c = (struct pk_channel){0};
    c->fd = pk_ask_connect(to->address, to->len, to->patience_s > 0 ? to->patience_s : patience_s);
    if (c->fd < 0) {
        snprintf(why, PK_CHANNEL_WHY, "%s", strerror(errno));
        return false;
    }
    if (to->tls == NULL || shake(c, to, why))
        return true;
    drop(c);
    return false;
}

bool pk_channel_send(struct pk_channel *c, const void *bytes, size_t len)
{
    if (c->tls == NULL)
        return send(c->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
    for (size_t off = 0, some = 0; off < len; off += some) {
        struct pk_iov rest = {(const uint8_t *)bytes + off, len - off};
        if (pk_tls_put(c->tls, &rest, 1, &some) != PK_TLS_FINE || !pk_tls_send(c->tls, c->fd, 0))
            return false;
    }
    return true;
}

ssize_t pk_channel_recv(struct pk_channel *c, void *bytes, size_t len)
{
    if (c->tls == NULL)
        return recv(c->fd, bytes, len, 0);
    while (c->taken == c->n) {
        ssize_t got = c->ended ? 0 : take(c);
        if (got <= 0)
            return got;
    }
    size_t some = c->n - c->taken < len ? c->n - c->taken : len;
    memcpy(bytes, c->came + c->taken, some);
    c->taken += some;
    return (ssize_t)some;
}

const char *pk_channel_why(const struct pk_channel *c)
{
    if (errno == EPROTO && c->tls != NULL)
        return pk_tls_why(c->tls);
    return strerror(errno == EAGAIN ? ETIMEDOUT : errno);
}

void pk_channel_close(struct pk_channel *c)
{
    if (c->tls != NULL) {
        pk_tls_close(c->tls);
        (void)pk_tls_send(c->tls, c->fd, 0);
    }
    drop(c);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

/* Reads to the end, or until there is no more room; as recv(2), of its last call. */
static ssize_t read_text(struct pk_channel *c, char *text, size_t size, size_t *n)
{
    ssize_t got = 1;
    *n = 0;
    while (got > 0 && *n < size - 1) {
        got = pk_channel_recv(c, text + *n, size - 1 - *n);
        *n += got > 0 ? (size_t)got : 0;
    }
    text[*n] = '\0';
    return got;
}

int pk_channel_word(const struct pk_channel_to *to, const char *word, char *text, size_t size,
                    char why[PK_CHANNEL_WHY], double *took_ms)
{
    struct pk_channel c;
    size_t n = 0;
    text[0] = '\0';
    if (!pk_channel_open(&c, to, why))
        return -1;
    double before = now_ms();
    ssize_t got = pk_channel_send(&c, word, 4) ? read_text(&c, text, size, &n) : -1;
    bool fine = got >= 0 || n > 0 || errno == ECONNRESET || errno == EPIPE;
    if (!fine)
        snprintf(why, PK_CHANNEL_WHY, "%s", pk_channel_why(&c));
    *took_ms = now_ms() - before;
    pk_channel_close(&c);
    return fine ? (int)n : -1;
}
