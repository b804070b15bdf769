/*
 * Our own session. Happy path: connect, connect request, credentials, then a request and its answer in turn; pings
 * while nothing else is asked. Failure modes: whatever is late, out of order or malformed closes the connection, and
 * who waits is told; a session that the ensemble does not know any more is forgotten, and the next connection begins
 * another.
 */
#include "io/instances/ensemble.h"

#include <stdlib.h>
#include <string.h>

#include "io/config/auth.h"
#include "io/instances/encode.h"
#include "io/instances/framing.h"
#include "io/loop/loop.h"
#include "io/loop/move.h"

/* LEAVE_MS: less than a stop waits. */
enum { SESSION_MS = 10000, SHORTEST_MS = 1000, ANSWER_MS = 5000, LEAVE_MS = 1500, TICK_MS = 200 };

enum state { CLOSED, CONNECTING, GREETING, READY, ASKING, LEAVING, CLOSING };

static const uint8_t edges[] = {
    [CLOSED] = PK_TO(CONNECTING),
    [CONNECTING] = PK_TO(GREETING) | PK_TO(CLOSING),
    [GREETING] = PK_TO(READY) | PK_TO(CLOSING),
    [READY] = PK_TO(ASKING) | PK_TO(LEAVING) | PK_TO(CLOSING),
    [ASKING] = PK_TO(READY) | PK_TO(LEAVING) | PK_TO(CLOSING),
    [LEAVING] = PK_TO(CLOSING),
    [CLOSING] = PK_TO(CLOSED),
};

struct pk_ensemble {
    struct pk_loop *loop;
    const struct pk_auth *auth;
    void (*ended)(void *owner);
    void *owner; /* ended's */
    bool ending;
    enum state state;
    pk_ensemble_done *done; /* of what is under way */
    void *asker;            /* done's */
    int error;              /* why the connection closes */

    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_write_t write;
    uint8_t *out; /* being written, else NULL */
    size_t out_len;
    struct pk_framing in;
    int64_t deadline_us; /* of what is under way */
    int64_t heard_us, wrote_us;

    int64_t session; /* 0: none */
    uint8_t passwd[PK_PASSWD_LEN];
    int32_t timeout_ms;
    int32_t xid;   /* of the request under way */
    bool greeted;  /* the connect request was answered */
    size_t nauths; /* credentials that were accepted */
};

static const struct pk_in nothing = {.bad = true};

static void move(struct pk_ensemble *s, enum state to)
{
    s->state = pk_move("a service session", edges, s->state, to);
}

/* ---- the end of a connection ---- */

static void report(struct pk_ensemble *s, int error, struct pk_in body)
{
    pk_ensemble_done *done = s->done;
    s->done = NULL;
    if (done != NULL)
        done(s->asker, error, body);
}

static void timer_closed(uv_handle_t *handle)
{
    struct pk_ensemble *s = handle->data;
    void (*ended)(void *) = s->ended;
    void *owner = s->owner;
    explicit_bzero(s->passwd, sizeof s->passwd);
    free(s);
    ended(owner);
}

static void finish(struct pk_ensemble *s)
{
    uv_close((uv_handle_t *)&s->timer, timer_closed);
}

static void tcp_closed(uv_handle_t *handle)
{
    struct pk_ensemble *s = handle->data;
    move(s, CLOSED);
    pk_framing_clear(&s->in);
    pk_loop_clock(s->loop);
    if (s->ending)
        finish(s);
    else
        report(s, s->error, nothing);
}

static void lose(struct pk_ensemble *s, int error)
{
    if (s->state == CLOSED || s->state == CLOSING)
        return;
    s->error = error;
    move(s, CLOSING);
    uv_close((uv_handle_t *)&s->tcp, tcp_closed);
}

/* ---- out ---- */

static void free_out(struct pk_ensemble *s)
{
    explicit_bzero(s->out, s->out_len); /* it may have been a secret */
    free(s->out);
    s->out = NULL;
}

static void written(uv_write_t *write, int status)
{
    struct pk_ensemble *s = write->data;
    free_out(s);
    if (status < 0)
        lose(s, PK_ENSEMBLE_LOST);
}

/* Sends a frame and frees it; NULL stands for no memory. */
static void put(struct pk_ensemble *s, uint8_t *out, size_t len, int64_t answer_ms)
{
    uv_buf_t buf = uv_buf_init((char *)out, (unsigned)len);
    if (out == NULL) {
        lose(s, PK_ENSEMBLE_MEMORY);
        return;
    }
    s->out = out;
    s->out_len = len;
    s->wrote_us = s->loop->now_us;
    s->deadline_us = s->loop->now_us + answer_ms * 1000;
    s->write.data = s;
    if (uv_write(&s->write, (uv_stream_t *)&s->tcp, &buf, 1, written) != 0) {
        free_out(s);
        lose(s, PK_ENSEMBLE_LOST);
    }
}

static void ask(struct pk_ensemble *s, const struct pk_ask *what, int64_t answer_ms)
{
    size_t len = 0;
    s->xid = s->xid < INT32_MAX ? s->xid + 1 : 1;
    uint8_t *out = pk_encode_ask(what, s->xid, &len);
    put(s, out, len, answer_ms);
}

static void greet(struct pk_ensemble *s)
{
    size_t len = 0;
    uint8_t *out = pk_encode_connect(SESSION_MS, s->session, s->passwd, &len);
    put(s, out, len, ANSWER_MS);
}

/* Shows the next credential, or is ready. */
static void show(struct pk_ensemble *s)
{
    size_t len = 0;
    if (s->nauths < s->auth->n) {
        uint8_t *out = pk_encode_auth(&s->auth->entries[s->nauths], &len);
        put(s, out, len, ANSWER_MS);
        return;
    }
    move(s, READY);
    report(s, PK_ENSEMBLE_OK, nothing);
}

/* A full socket needs no ping: what fills it is on its way. */
static void ping(struct pk_ensemble *s)
{
    uint8_t frame[PK_LEN_WORD + PK_REQUEST_HEADER];
    uv_buf_t buf = uv_buf_init((char *)frame, sizeof frame);
    pk_put_request(frame, 0, PK_XID_PING, PK_OP_PING);
    s->wrote_us = s->loop->now_us;
    int n = uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);
    if (n != sizeof frame && n != UV_EAGAIN)
        lose(s, PK_ENSEMBLE_LOST);
}

/* ---- in ---- */

static void greeted(struct pk_ensemble *s)
{
    struct pk_connect_response r;
    s->greeted = true;
    if (pk_connect_response_decode(s->in.bytes, s->in.len, &r) != PK_OK) {
        lose(s, PK_ENSEMBLE_NONSENSE);
    } else if (r.session_id == 0 || r.timeout <= 0) {
        s->session = 0;
        lose(s, PK_ENSEMBLE_EXPIRED);
    } else if (r.passwd.len != PK_PASSWD_LEN) {
        lose(s, PK_ENSEMBLE_NONSENSE);
    } else {
        s->session = r.session_id;
        memcpy(s->passwd, r.passwd.p, PK_PASSWD_LEN);
        s->timeout_ms = r.timeout < SHORTEST_MS  ? SHORTEST_MS
                        : r.timeout < SESSION_MS ? r.timeout
                                                 : SESSION_MS;
        show(s);
    }
}

static void answered(struct pk_ensemble *s, const struct pk_reply *r)
{
    if (s->state == GREETING && r->xid == PK_XID_AUTH && r->err == 0) {
        s->nauths++;
        show(s);
    } else if (s->state == ASKING && r->xid == s->xid && r->err <= 0) {
        move(s, READY);
        report(s, r->err, pk_in(s->in.bytes + PK_REPLY_HEADER, s->in.len - PK_REPLY_HEADER));
    } else if (r->xid == PK_XID_AUTH && r->err < 0) {
        lose(s, r->err);
    } else {
        lose(s, PK_ENSEMBLE_NONSENSE);
    }
}

static void whole(struct pk_ensemble *s)
{
    struct pk_reply r;
    if (s->state == LEAVING)
        return;
    if (s->out != NULL || (s->greeted && s->in.len < PK_REPLY_HEADER)) {
        lose(s, PK_ENSEMBLE_NONSENSE); /* an answer before the question was out, or half of one */
        return;
    }
    if (!s->greeted) {
        greeted(s);
        return;
    }
    pk_reply_load(&r, s->in.bytes);
    if (r.xid != PK_XID_PING && r.xid != PK_XID_NOTIFICATION)
        answered(s, &r);
}

static bool listens(const struct pk_ensemble *s)
{
    return s->state != CLOSED && s->state != CLOSING;
}

static void bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct pk_ensemble *s = stream->data;
    const uint8_t *p = (const uint8_t *)buf->base;
    size_t left = n > 0 ? (size_t)n : 0;
    pk_loop_clock(s->loop);
    if (n < 0)
        lose(s, PK_ENSEMBLE_LOST);
    else if (n > 0)
        s->heard_us = s->loop->now_us;
    while (left > 0 && listens(s)) {
        enum pk_framing_part part = pk_framing_take(&s->in, &p, &left);
        if (part == PK_FRAMING_WHOLE)
            whole(s);
        else if (part != PK_FRAMING_MORE)
            lose(s, part == PK_FRAMING_BAD ? PK_ENSEMBLE_NONSENSE : PK_ENSEMBLE_MEMORY);
        if (part == PK_FRAMING_WHOLE)
            pk_framing_clear(&s->in);
    }
}

static void alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct pk_ensemble *s = handle->data;
    (void)suggested;
    *buf = uv_buf_init((char *)s->loop->buffer, PK_READ_BUFFER);
}

static void connected(uv_connect_t *request, int status)
{
    struct pk_ensemble *s = request->data;
    if (s->state != CONNECTING)
        return;
    pk_loop_clock(s->loop);
    if (status < 0 || uv_read_start((uv_stream_t *)&s->tcp, alloc, bytes) != 0) {
        lose(s, PK_ENSEMBLE_LOST);
        return;
    }
    move(s, GREETING);
    greet(s);
}

/* ---- time ---- */

static void tick(uv_timer_t *timer)
{
    struct pk_ensemble *s = timer->data;
    pk_loop_clock(s->loop);
    int64_t now = s->loop->now_us, third_us = (int64_t)s->timeout_ms * 1000 / 3;
    if (s->state != READY) {
        if (listens(s) && now >= s->deadline_us)
            lose(s, PK_ENSEMBLE_LATE);
    } else if (now - s->heard_us >= 2 * third_us) {
        lose(s, PK_ENSEMBLE_LATE);
    } else if (now - s->wrote_us >= third_us) {
        ping(s);
    }
}

/* ---- for others ---- */

struct pk_ensemble *pk_ensemble_new(struct pk_loop *loop, const struct pk_auth *auth,
                                    void (*ended)(void *owner), void *owner)
{
    struct pk_ensemble *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->auth = auth;
    s->owner = owner;
    s->ended = ended;
    uv_timer_init(&loop->uv, &s->timer);
    s->timer.data = s;
    uv_timer_start(&s->timer, tick, TICK_MS, TICK_MS);
    return s;
}

void pk_ensemble_open(struct pk_ensemble *s, const struct sockaddr *server, pk_ensemble_done *done,
                      void *owner)
{
    move(s, CONNECTING);
    s->done = done;
    s->asker = owner;
    s->greeted = false;
    s->nauths = 0;
    s->heard_us = s->loop->now_us;
    s->deadline_us = s->loop->now_us + ANSWER_MS * 1000;
    uv_tcp_init(&s->loop->uv, &s->tcp);
    uv_tcp_nodelay(&s->tcp, 1);
    s->tcp.data = s->connect.data = s;
    if (uv_tcp_connect(&s->connect, &s->tcp, server, connected) != 0)
        lose(s, PK_ENSEMBLE_LOST);
}

bool pk_ensemble_ready(const struct pk_ensemble *s)
{
    return s->state == READY;
}

bool pk_ensemble_idle(const struct pk_ensemble *s)
{
    return s->state == READY || s->state == CLOSED;
}

int64_t pk_ensemble_session(const struct pk_ensemble *s)
{
    return s->session;
}

void pk_ensemble_ask(struct pk_ensemble *s, const struct pk_ask *what, pk_ensemble_done *done, void *owner)
{
    move(s, ASKING);
    s->done = done;
    s->asker = owner;
    ask(s, what, ANSWER_MS);
}

uint8_t *pk_ensemble_keep(struct pk_ensemble *s)
{
    uint8_t *kept = s->in.bytes;
    s->in.bytes = NULL;
    return kept;
}

void pk_ensemble_end(struct pk_ensemble *s)
{
    static const struct pk_ask leave = {.op = PK_OP_CLOSE_SESSION};
    s->ending = true;
    s->done = NULL;
    if (s->state == CLOSED) {
        finish(s);
    } else if (s->state == READY || (s->state == ASKING && s->out == NULL)) {
        move(s, LEAVING);
        ask(s, &leave, LEAVE_MS);
    } else {
        lose(s, PK_ENSEMBLE_LOST);
    }
}

const char *pk_ensemble_error(int error)
{
    switch (error) {
    case PK_ENSEMBLE_OK:
        return "no error";
    case PK_ENSEMBLE_LOST:
        return "the connection was lost";
    case PK_ENSEMBLE_LATE:
        return "no answer in time";
    case PK_ENSEMBLE_EXPIRED:
        return "the session has expired";
    case PK_ENSEMBLE_NONSENSE:
        return "the server's answer makes no sense";
    case PK_ENSEMBLE_MEMORY:
        return "memory is short";
    case PK_Z_NO_NODE:
        return "no such znode";
    case PK_Z_NO_AUTH:
        return "no permission";
    case PK_Z_NODE_EXISTS:
        return "another session holds it";
    case PK_Z_AUTH_FAILED:
        return "the credentials of auth-file are refused";
    default:
        return "the ensemble refuses it";
    }
}
