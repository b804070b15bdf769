/*
 * The yardstick of relayed requests: a bare TCP relay on libuv. Every accepted connection gets one connection
 * to the upstream; bytes go through untouched, both ways.
 *
 * Happy path: one read, one uv_try_write to the other side, only what did not fit is copied.
 * Failure modes: when either side ends or fails, both are closed. While one side's queue is not empty, the
 * other side is not read, so memory stays bounded.
 *
 * Usage: tcprelay UPSTREAM_HOST UPSTREAM_PORT [PORT]     (`listening on HOST:PORT` names the port)
 */
#include <stdlib.h>
#include <string.h>

#include "bench_listen.h"

enum { READ_SIZE = 64 * 1024 };

struct pair;

struct side {
    uv_tcp_t tcp;
    struct pair *pair;
    struct side *other;
};

struct pair {
    struct side client, server;
    uv_connect_t connect;
    int open; /* handles that are not closed yet */
};

struct tail {
    uv_write_t req;
    struct side *from; /* read again once this is written */
    char bytes[];
};

static char read_buffer[READ_SIZE];
static struct sockaddr_in upstream;

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf);
static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf);

static void on_closed(uv_handle_t *h)
{
    struct side *side = h->data;
    if (--side->pair->open == 0)
        free(side->pair);
}

static void end_pair(struct pair *p)
{
    struct side *sides[] = {&p->client, &p->server};

    for (int i = 0; i < 2; i++)
        if (!uv_is_closing((uv_handle_t *)&sides[i]->tcp))
            uv_close((uv_handle_t *)&sides[i]->tcp, on_closed);
}

static void on_written(uv_write_t *req, int status)
{
    struct tail *t = req->data;

    if (status == 0 && !uv_is_closing((uv_handle_t *)&t->from->tcp))
        status = uv_read_start((uv_stream_t *)&t->from->tcp, on_alloc, on_read);
    if (status != 0)
        end_pair(t->from->pair);
    free(t);
}

/* What the other side's socket did not take at once; the source is not read until it has. */
static void queue_tail(struct side *from, const char *bytes, size_t n)
{
    struct tail *t = malloc(sizeof *t + n);

    if (t == NULL) {
        end_pair(from->pair);
        return;
    }
    memcpy(t->bytes, bytes, n);
    t->req.data = t;
    t->from = from;
    uv_buf_t buf = uv_buf_init(t->bytes, (unsigned)n);
    uv_read_stop((uv_stream_t *)&from->tcp);
    if (uv_write(&t->req, (uv_stream_t *)&from->other->tcp, &buf, 1, on_written) != 0) {
        free(t);
        end_pair(from->pair);
    }
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    (void)h;
    (void)hint;
    *buf = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct side *from = s->data;

    if (n < 0) {
        end_pair(from->pair);
        return;
    }
    uv_buf_t piece = uv_buf_init(buf->base, (unsigned)n);
    int done = uv_try_write((uv_stream_t *)&from->other->tcp, &piece, 1);
    if (done < 0)
        done = 0;
    if (done < n)
        queue_tail(from, buf->base + done, (size_t)(n - done));
}

static void on_connected(uv_connect_t *req, int status)
{
    struct pair *p = req->data;

    if (status == 0 && !uv_is_closing((uv_handle_t *)&p->client.tcp)) {
        uv_tcp_nodelay(&p->server.tcp, 1);
        status = uv_read_start((uv_stream_t *)&p->client.tcp, on_alloc, on_read);
        if (status == 0)
            status = uv_read_start((uv_stream_t *)&p->server.tcp, on_alloc, on_read);
    }
    if (status != 0)
        end_pair(p);
}

static void init_side(struct pair *p, struct side *side, struct side *other)
{
    side->pair = p;
    side->other = other;
    uv_tcp_init(uv_default_loop(), &side->tcp);
    side->tcp.data = side;
    p->open++;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct pair *p = status == 0 ? calloc(1, sizeof *p) : NULL;

    if (p == NULL)
        return;
    init_side(p, &p->client, &p->server);
    init_side(p, &p->server, &p->client);
    p->connect.data = p;
    if (uv_accept(listener, (uv_stream_t *)&p->client.tcp) != 0 || uv_tcp_nodelay(&p->client.tcp, 1) != 0 ||
        uv_tcp_connect(&p->connect, &p->server.tcp, (const struct sockaddr *)&upstream, on_connected) != 0)
        end_pair(p);
}

int main(int argc, char **argv)
{
    if (argc < 3 || uv_ip4_addr(argv[1], atoi(argv[2]), &upstream) != 0) {
        fprintf(stderr, "usage: tcprelay UPSTREAM_HOST UPSTREAM_PORT [PORT]\n");
        return 2;
    }
    return bench_serve(argc > 3 ? atoi(argv[3]) : 0, on_connection);
}
