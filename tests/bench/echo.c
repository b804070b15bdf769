/*
 * The yardstick of `make bench`: the least that a server on libuv can do with framed requests. Reads frames
 * of four length bytes plus payload, keeps a copy of the newest payload per connection (as a store of beats
 * must) and answers each with 100 bytes: a reply header that repeats the xid, and 80 bytes in the place of a
 * Stat.
 *
 * With a certificate it does that inside TLS. What loads it then is a pacekeeper, for a server: a connection's first
 * frame is a connect request, and is answered as one.
 *
 * Happy path: one read, the frames in it answered into one buffer, one uv_try_write.
 * Failure modes: a frame shorter than a request header or longer than FRAME_MAX closes that connection, and so does
 * whatever is no TLS where that is spoken. A peer that does not read its replies makes libuv queue them: this is a
 * yardstick, without back-pressure.
 *
 * Usage: echo [PORT [CERTIFICATE KEY]]   (0, the default: any free port; the line `listening on HOST:PORT` names it)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_listen.h"
#include "bench_tls.h"

enum {
    LENGTH = 4,
    HEAD = 8,
    REPLY = 100,
    GREETING = 41,  /* a connect response with its length */
    TIMEOUT_AT = 8, /* in a connect request behind that head */
    FRAME_MAX = 1 << 20,
    READ_SIZE = 64 * 1024,
    OUT_SIZE = READ_SIZE / HEAD * REPLY + REPLY
};

struct peer {
    uv_tcp_t tcp;
    uint8_t *kept;     /* the newest payload */
    uint32_t kept_cap; /* bytes that `kept` has room for */
    uint32_t length;   /* of the frame being read */
    uint32_t have;     /* bytes of it (with its length word) seen so far; 0: between frames */
    uint8_t head[HEAD];
    SSL *tls;     /* NULL: plain */
    bool greeted; /* with TLS: the connect request was answered */
};

struct tail {
    uv_write_t req;
    uint8_t bytes[];
};

static char read_buffer[READ_SIZE], plain[READ_SIZE];
static uint8_t out[OUT_SIZE];
static uint64_t count;
static SSL_CTX *context; /* NULL: plain */

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_reply(uint8_t *r, const uint8_t *xid)
{
    uint64_t n = ++count;
    static const uint8_t length[4] = {0, 0, 0, REPLY - 4};

    memset(r, 0, REPLY);
    memcpy(r, length, sizeof length);
    memcpy(r + 4, xid, 4);
    for (int i = 0; i < 8; i++)
        r[8 + i] = (uint8_t)(n >> (56 - 8 * i));
}

/* A session of its own, with the timeout that was asked for; the password is 16 zeros. */
static void put_greeting(uint8_t *r, const struct peer *p)
{
    memset(r, 0, GREETING);
    r[3] = GREETING - 4;
    if (p->length >= HEAD - LENGTH + TIMEOUT_AT + 4)
        memcpy(r + 8, p->kept + TIMEOUT_AT, 4);
    uint64_t n = ++count;
    for (int i = 0; i < 8; i++)
        r[12 + i] = (uint8_t)(n >> (56 - 8 * i));
    r[23] = 16;
}

/* Returns how long it is. */
static size_t put_answer(uint8_t *r, struct peer *p)
{
    if (p->tls != NULL && !p->greeted) {
        p->greeted = true;
        put_greeting(r, p);
        return GREETING;
    }
    put_reply(r, p->head + 4);
    return REPLY;
}

/* The frame's length is known: checks it and makes room for its payload. */
static int begin_frame(struct peer *p)
{
    p->length = get_u32(p->head);
    if (p->length < HEAD - LENGTH)
        return -1;
    if (p->length <= p->kept_cap)
        return 0;
    uint8_t *bigger = realloc(p->kept, p->length);
    if (bigger == NULL)
        return -1;
    p->kept = bigger;
    p->kept_cap = p->length;
    return 0;
}

/* Takes n bytes; returns the bytes of replies put into `out`, -1 when the stream is not framed. */
static ssize_t take(struct peer *p, const uint8_t *in, size_t n)
{
    size_t made = 0;

    while (n > 0) {
        if (p->have < HEAD) {
            size_t k = HEAD - p->have < n ? HEAD - p->have : n;
            memcpy(p->head + p->have, in, k);
            p->have += (uint32_t)k;
            in += k;
            n -= k;
            if (p->have >= LENGTH && get_u32(p->head) > FRAME_MAX)
                return -1; /* a four-letter word, too */
            if (p->have < HEAD)
                break;
            if (begin_frame(p) != 0)
                return -1;
        }
        size_t left = p->length + 4 - p->have, k = left < n ? left : n;
        memcpy(p->kept + (p->have - HEAD), in, k);
        p->have += (uint32_t)k;
        in += k;
        n -= k;
        if (k < left)
            break;
        made += put_answer(out + made, p);
        p->have = 0;
    }
    return (ssize_t)made;
}

static void on_closed(uv_handle_t *h)
{
    struct peer *p = h->data;
    SSL_free(p->tls);
    free(p->kept);
    free(p);
}

static void on_written(uv_write_t *req, int status)
{
    (void)status;
    free(req->data);
}

static void answer(uv_stream_t *s, const void *bytes, size_t n)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)n);
    int done = uv_try_write(s, &buf, 1);

    if (done < 0)
        done = 0;
    if ((size_t)done == n)
        return;
    struct tail *t = malloc(sizeof *t + n - (size_t)done);
    if (t == NULL)
        abort();
    memcpy(t->bytes, (const uint8_t *)bytes + done, n - (size_t)done);
    t->req.data = t;
    buf = uv_buf_init((char *)t->bytes, (unsigned)(n - (size_t)done));
    if (uv_write(&t->req, s, &buf, 1, on_written) != 0)
        free(t);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    (void)h;
    (void)hint;
    *buf = uv_buf_init(read_buffer, sizeof read_buffer);
}

/* Answers what TLS makes of n bytes, and sends what it has to say; -1 at its end. */
static int answer_encrypted(uv_stream_t *s, struct peer *p, const char *bytes, size_t n)
{
    int got = bench_tls_feed(p->tls, bytes, n) ? 1 : -1;
    while (got > 0 && (got = bench_tls_read(p->tls, plain, sizeof plain)) > 0) {
        ssize_t made = take(p, (const uint8_t *)plain, (size_t)got);
        if (made < 0 || (made > 0 && SSL_write(p->tls, out, (int)made) != made))
            got = -1;
    }
    char *encrypted;
    long len = BIO_get_mem_data(SSL_get_wbio(p->tls), &encrypted);
    if (len > 0)
        answer(s, encrypted, (size_t)len);
    (void)BIO_reset(SSL_get_wbio(p->tls));
    return got;
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct peer *p = s->data;
    ssize_t made = -1;

    if (n >= 0 && p->tls != NULL)
        made = answer_encrypted(s, p, buf->base, (size_t)n);
    else if (n >= 0)
        made = take(p, (const uint8_t *)buf->base, (size_t)n);
    if (made > 0 && p->tls == NULL)
        answer(s, out, (size_t)made);
    else if (made < 0 && !uv_is_closing((uv_handle_t *)s))
        uv_close((uv_handle_t *)s, on_closed);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct peer *p = status == 0 ? calloc(1, sizeof *p) : NULL;

    if (p == NULL)
        return;
    uv_tcp_init(listener->loop, &p->tcp);
    p->tcp.data = p;
    p->tls = context != NULL ? bench_tls_new(context) : NULL;
    if ((context != NULL && p->tls == NULL) || uv_accept(listener, (uv_stream_t *)&p->tcp) != 0 ||
        uv_tcp_nodelay(&p->tcp, 1) != 0 || uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read) != 0)
        uv_close((uv_handle_t *)&p->tcp, on_closed);
}

int main(int argc, char **argv)
{
    if (argc > 3 && (context = bench_tls_context(argv[2], argv[3])) == NULL)
        return 1;
    return bench_serve(argc > 1 ? atoi(argv[1]) : 0, on_connection);
}
