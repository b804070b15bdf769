/*
 * Sessions of the load generator.
 *
 * Happy path: connect, ConnectRequest, ConnectResponse, on_ready; then requests leave through one buffer that
 * the loop's sessions share (one session at a time owns it, one uv_try_write when the callback ends), and
 * every read is parsed in place in the loop's read buffer; only a frame that was cut is kept, in `part`.
 *
 * Failure modes: connection refused, ended or refused by the server, bytes that are no frames, a reply whose
 * xid is not the oldest request's: the session is lost; its open requests are answered PK_ZS_LOST, then
 * on_lost is told why. A reply whose zxid is below one seen before is counted in loop->broken.
 */
#include "tools/bench/session.h"

#include <stdlib.h>
#include <string.h>

#include "proto/records.h"

enum {
    IN_SIZE = 256 * 1024,
    OUT_SIZE = 64 * 1024,
    FRAME_MAX = 64 << 20,
    HEAD = PK_LEN_WORD + PK_REQUEST_HEADER
};
enum { CONNECT_LEN = PK_LEN_WORD + PK_CONNECT_REQUEST_LEN };

struct unsent {
    uv_write_t req;
    char bytes[];
};

bool pk_zs_loop_init(struct pk_zs_loop *loop)
{
    loop->in = malloc(IN_SIZE);
    loop->in_cap = IN_SIZE;
    loop->out = malloc(OUT_SIZE);
    loop->out_cap = OUT_SIZE;
    return loop->in != NULL && loop->out != NULL;
}

void pk_zs_loop_free(struct pk_zs_loop *loop)
{
    free(loop->in);
    free(loop->out);
}

static void on_closed(uv_handle_t *h)
{
    struct pk_zs *s = h->data;
    free(s->part);
    free(s->calls);
    s->part = NULL;
    s->calls = NULL;
    s->cap = s->count = s->first = 0;
    s->part_len = s->part_cap = 0;
    s->state = PK_ZS_IDLE;
}

void pk_zs_end(struct pk_zs *s)
{
    if (s->loop->writer == s) {
        s->loop->writer = NULL;
        s->loop->out_len = 0;
    }
    if (s->state == PK_ZS_IDLE || s->state == PK_ZS_CLOSING)
        return;
    s->state = PK_ZS_CLOSING;
    uv_close((uv_handle_t *)&s->tcp, on_closed);
}

static void lose(struct pk_zs *s, const char *why)
{
    if (s->state == PK_ZS_CLOSING)
        return;
    pk_zs_end(s);
    for (; s->count > 0; s->count--) {
        struct pk_zs_call call = s->calls[s->first++ & (s->cap - 1)];
        struct pk_zs_reply lost = {
            .op = call.op, .err = PK_ZS_LOST, .asked = call.asked, .answered = uv_hrtime()};
        s->task = call.task;
        call.fn(s, &lost);
    }
    s->on_lost(s, why);
}

static void on_unsent_written(uv_write_t *req, int status)
{
    (void)status;
    free(req->data);
}

static void write_rest(struct pk_zs *s, const uint8_t *p, size_t n)
{
    struct unsent *u = malloc(sizeof *u + n);
    if (u == NULL)
        abort();
    memcpy(u->bytes, p, n);
    u->req.data = u;
    uv_buf_t buf = uv_buf_init(u->bytes, (unsigned)n);
    if (uv_write(&u->req, (uv_stream_t *)&s->tcp, &buf, 1, on_unsent_written) != 0)
        free(u);
}

void pk_zs_flush(struct pk_zs_loop *loop)
{
    struct pk_zs *s = loop->writer;
    size_t n = loop->out_len;
    loop->writer = NULL;
    loop->out_len = 0;
    if (s == NULL || n == 0)
        return;
    uv_buf_t buf = uv_buf_init((char *)loop->out, (unsigned)n);
    int done = uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);
    if (done < 0)
        done = 0;
    if ((size_t)done < n)
        write_rest(s, loop->out + done, n - (size_t)done);
}

uint8_t *pk_zs_begin(struct pk_zs *s, size_t max)
{
    struct pk_zs_loop *loop = s->loop;
    if (loop->writer != s || loop->out_len > OUT_SIZE)
        pk_zs_flush(loop);
    loop->writer = s;
    if (loop->out_cap - loop->out_len < max + HEAD) {
        loop->out_cap = loop->out_len + max + HEAD + OUT_SIZE;
        loop->out = realloc(loop->out, loop->out_cap);
        if (loop->out == NULL)
            abort();
    }
    return loop->out + loop->out_len + HEAD;
}

static void put_frame(struct pk_zs *s, int32_t xid, int32_t op, const uint8_t *end)
{
    struct pk_zs_loop *loop = s->loop;
    uint8_t *frame = loop->out + loop->out_len;
    size_t size = (size_t)(end - frame);
    pk_put_request(frame, size - HEAD, xid, op);
    loop->out_len += size;
}

static void grow_calls(struct pk_zs *s)
{
    uint32_t cap = s->cap != 0 ? s->cap * 2 : 4;
    struct pk_zs_call *ring = malloc(cap * sizeof *ring);
    if (ring == NULL)
        abort();
    for (uint32_t i = 0; i < s->count; i++)
        ring[i] = s->calls[(s->first + i) & (s->cap - 1)];
    free(s->calls);
    s->calls = ring;
    s->cap = cap;
    s->first = 0;
}

int32_t pk_zs_next_id(const struct pk_zs *s)
{
    return s->xid == INT32_MAX ? 1 : s->xid + 1;
}

static void await_reply(struct pk_zs *s, int32_t id, int32_t op, pk_zs_fn fn, uint64_t asked)
{
    if (s->count == s->cap)
        grow_calls(s);
    s->xid = id;
    s->calls[(s->first + s->count++) & (s->cap - 1)] =
        (struct pk_zs_call){.fn = fn, .task = s->task, .asked = asked, .xid = id, .op = op};
    s->loop->frames++;
    s->written = asked;
}

void pk_zs_send(struct pk_zs *s, int32_t op, const uint8_t *end, pk_zs_fn fn, uint64_t asked)
{
    await_reply(s, pk_zs_next_id(s), op, fn, asked);
    put_frame(s, s->xid, op, end);
}

uint8_t *pk_zs_begin_frame(struct pk_zs *s, size_t max)
{
    return pk_zs_begin(s, max) - HEAD;
}

void pk_zs_send_frame(struct pk_zs *s, int32_t id, const uint8_t *end, pk_zs_fn fn, uint64_t asked)
{
    await_reply(s, id, 0, fn, asked);
    s->loop->out_len = (size_t)(end - s->loop->out);
}

void pk_zs_keep_alive(struct pk_zs *s, uint64_t now)
{
    if (s->state != PK_ZS_READY || s->loop->raw || now - s->written < (uint64_t)s->timeout_ms * 1000000 / 3)
        return;
    const uint8_t *end = pk_zs_begin(s, 0);
    put_frame(s, PK_XID_PING, PK_OP_PING, end);
    s->written = now;
    pk_zs_flush(s->loop);
}

static bool take_response(struct pk_zs *s, const uint8_t *p, size_t n)
{
    struct pk_connect_response got;
    bool decoded = pk_connect_response_decode(p, n, &got) == PK_OK;
    if (!decoded || got.timeout <= 0 || got.passwd.len != PK_PASSWD_LEN) {
        s->refused = decoded && got.timeout <= 0;
        lose(s, "the server refused the session");
        return false;
    }
    s->id = got.session_id;
    memcpy(s->passwd, got.passwd.p, PK_PASSWD_LEN);
    s->timeout_ms = got.timeout;
    s->state = PK_ZS_READY;
    s->on_ready(s);
    return s->state == PK_ZS_READY;
}

/* Reads a reply's header into *r and *id. 1: a reply to a request; 0: a ping's or an event; -1: none of these. */
static int take_head(struct pk_zs *s, const uint8_t *p, size_t n, struct pk_zs_reply *r, int32_t *id)
{
    struct pk_reply head;
    if (s->loop->id_of != NULL) {
        *id = s->loop->id_of(p, n);
        r->body = p;
        r->len = n;
        return 1;
    }
    if (n < PK_REPLY_HEADER)
        return -1;
    pk_reply_load(&head, p);
    r->body = p + PK_REPLY_HEADER;
    r->len = n - PK_REPLY_HEADER;
    *id = head.xid;
    if (s->loop->raw)
        return 1;
    r->zxid = head.zxid;
    r->err = head.err;
    return head.xid != PK_XID_PING && head.xid != PK_XID_NOTIFICATION;
}

/* One reply; false when the session ended meanwhile. */
static bool take_reply(struct pk_zs *s, const uint8_t *p, size_t n, uint64_t now)
{
    struct pk_zs_reply r = {.answered = now};
    int32_t id;
    int kind = take_head(s, p, n, &r, &id);
    if (kind < 0) {
        lose(s, "a reply shorter than its header");
        return false;
    }
    if (kind == 0)
        return true;
    if (s->count == 0 || s->calls[s->first & (s->cap - 1)].xid != id) {
        s->loop->broken++;
        lose(s, "a reply out of order");
        return false;
    }
    struct pk_zs_call call = s->calls[s->first++ & (s->cap - 1)];
    s->count--;
    r.op = call.op;
    r.asked = call.asked;
    if (r.zxid > 0 && r.zxid < s->zxid)
        s->loop->broken++;
    else if (r.zxid > 0)
        s->zxid = r.zxid;
    s->task = call.task;
    call.fn(s, &r);
    return s->state == PK_ZS_READY;
}

/* Parses whole frames; returns the bytes used, or SIZE_MAX when the session ended. */
static size_t take_frames(struct pk_zs *s, const uint8_t *p, size_t n, uint64_t now)
{
    size_t used = 0;
    while (n - used >= PK_LEN_WORD) {
        uint32_t length = pk_load32(p + used);
        if (length > FRAME_MAX) {
            lose(s, "a reply that is no frame");
            return SIZE_MAX;
        }
        if (n - used - PK_LEN_WORD < length)
            break;
        const uint8_t *frame = p + used + PK_LEN_WORD;
        used += PK_LEN_WORD + (size_t)length;
        if (!(s->state == PK_ZS_HANDSHAKE ? take_response(s, frame, length)
                                          : take_reply(s, frame, length, now)))
            return SIZE_MAX;
    }
    return used;
}

static void keep_part(struct pk_zs *s, const uint8_t *p, size_t n)
{
    size_t want = s->part_len + n;
    if (want > s->part_cap) {
        s->part_cap = want < 4096 ? 4096 : want * 2;
        s->part = realloc(s->part, s->part_cap);
        if (s->part == NULL)
            abort();
    }
    memcpy(s->part + s->part_len, p, n);
    s->part_len += n;
}

static void take_bytes(struct pk_zs *s, const uint8_t *p, size_t n)
{
    uint64_t now = uv_hrtime();
    size_t used;
    if (s->part_len == 0) {
        used = take_frames(s, p, n, now);
        if (used != SIZE_MAX && used < n)
            keep_part(s, p + used, n - used);
        return;
    }
    keep_part(s, p, n);
    used = take_frames(s, s->part, s->part_len, now);
    if (used == SIZE_MAX)
        return;
    s->part_len -= used;
    if (s->part_len > 0) {
        memmove(s->part, s->part + used, s->part_len);
        return;
    }
    free(s->part);
    s->part = NULL;
    s->part_cap = 0;
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct pk_zs *s = h->data;
    (void)hint;
    *buf = uv_buf_init((char *)s->loop->in, (unsigned)s->loop->in_cap);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct pk_zs *s = stream->data;
    if (n < 0)
        lose(s, n == UV_EOF ? "the server closed the connection" : uv_strerror((int)n));
    else if (n > 0)
        take_bytes(s, (const uint8_t *)buf->base, (size_t)n);
    pk_zs_flush(s->loop);
}

static void on_connected(uv_connect_t *req, int status)
{
    struct pk_zs *s = req->data;
    if (s->state == PK_ZS_CLOSING)
        return;
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
    if (status != 0) {
        lose(s, uv_strerror(status));
        return;
    }
    uv_tcp_nodelay(&s->tcp, 1);
    s->written = uv_hrtime();
    if (s->loop->raw) {
        s->state = PK_ZS_READY;
        s->on_ready(s);
    } else {
        pk_put_connect_request(pk_zs_begin(s, CONNECT_LEN) - HEAD, s->zxid,
                               s->id != 0 ? s->timeout_ms : s->loop->timeout_ms, s->id, s->passwd);
        s->loop->out_len += CONNECT_LEN;
        s->state = PK_ZS_HANDSHAKE;
    }
    pk_zs_flush(s->loop);
}

void pk_zs_open(struct pk_zs *s)
{
    const struct sockaddr_storage *to = &s->loop->servers[(s->index + s->tries) % s->loop->nservers];
    s->state = PK_ZS_CONNECTING;
    uv_tcp_init(s->loop->uv, &s->tcp);
    s->tcp.data = s;
    s->connect.data = s;
    int err = uv_tcp_connect(&s->connect, &s->tcp, (const struct sockaddr *)to, on_connected);
    if (err != 0)
        lose(s, uv_strerror(err));
}
