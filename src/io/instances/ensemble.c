/*
 * Our own session. Happy path: connect, connect request, credentials, then a request and its answer in turn; pings
 * while nothing else is asked. Failure modes: whatever is late, out of order or malformed closes the connection, and
 * who waits is told; a session that the ensemble does not know any more is forgotten, and the next connection begins
 * another.
 */
#include "io/instances/ensemble.h"

#include <stdlib.h>
#include <string.h>

#include "io/config/config.h"
#include "io/instances/encode.h"
#include "io/instances/framing.h"
#include "io/loop/loop.h"
#include "io/loop/move.h"
#include "io/transport/side.h"

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

    struct pk_side side;
    const char *name; /* the server's, for its certificate */
    uv_timer_t timer;
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

static void side_closed(uv_handle_t *handle)
{
    struct pk_ensemble *s = handle->data;
    pk_side_closed(&s->side);
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
    pk_side_close(&s->side, side_closed);
}

/* ---- out ---- */

static void free_out(struct pk_ensemble *s)
{
    explicit_bzero(s->out, s->out_len); /* it may have been a secret */
    free(s->out);
    s->out = NULL;
}

static void written(uv_write_t *request, int status)
{
    struct pk_ensemble *s = request->handle->data;
    (void)pk_side_written(&s->side, status);
    if (s->out != NULL)
        free_out(s);
    if (status < 0)
        lose(s, PK_ENSEMBLE_LOST);
}

/* Sends a frame and frees it; NULL stands for no memory. */
static void put(struct pk_ensemble *s, uint8_t *out, size_t len, int64_t answer_ms)
{
    if (out == NULL) {
        lose(s, PK_ENSEMBLE_MEMORY);
        return;
    }
    s->out = out;
    s->out_len = len;
    s->wrote_us = s->loop->now_us;
    s->deadline_us = s->loop->now_us + answer_ms * 1000;
    if (!pk_side_write_all(&s->side, (char *)out, len, written)) {
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
    struct pk_iov iov = {frame, sizeof frame};
    pk_put_request(frame, 0, PK_XID_PING, PK_OP_PING);
    s->wrote_us = s->loop->now_us;
    int64_t n = pk_side_write(&s->side, &iov, 1, written);
    if (n > 0 && n != sizeof frame)
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

static void frames(struct pk_ensemble *s, const uint8_t *p, size_t left)
{
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

static void begin(struct pk_ensemble *s)
{
    pk_side_opened(&s->side);
    move(s, GREETING);
    greet(s);
}

static void bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct pk_ensemble *s = stream->data;
    if (n == 0)
        return;
    pk_loop_clock(s->loop);
    if (n > 0)
        s->heard_us = s->loop->now_us;
    struct pk_received r = pk_side_received(&s->side, s->loop, n, buf->base, written);
    if (r.opened)
        begin(s);
    frames(s, r.bytes, r.n);
    if (r.ended)
        lose(s, r.why != NULL ? PK_ENSEMBLE_TLS : PK_ENSEMBLE_LOST);
}

static void alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct pk_ensemble *s = handle->data;
    (void)suggested;
    *buf = uv_buf_init((char *)s->loop->buffer, PK_READ_BUFFER);
}

static void connected(uv_connect_t *request, int status)
{
    struct pk_ensemble *s = request->handle->data;
    struct pk_tls_context *tls = s->loop->config->upstream_tls;
    pk_side_tried(&s->side);
    if (s->state != CONNECTING)
        return;
    pk_loop_clock(s->loop);
    if (status < 0 || !pk_side_listen(&s->side, alloc, bytes))
        lose(s, PK_ENSEMBLE_LOST);
    else if (tls == NULL)
        begin(s);
    else if (!pk_side_secure(&s->side, tls, s->name, written))
        lose(s, PK_ENSEMBLE_MEMORY);
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

void pk_ensemble_open(struct pk_ensemble *s, const struct sockaddr *server, const char *name,
                      pk_ensemble_done *done, void *owner)
{
    move(s, CONNECTING);
    s->done = done;
    s->asker = owner;
    s->greeted = false;
    s->nauths = 0;
    s->heard_us = s->loop->now_us;
    s->deadline_us = s->loop->now_us + ANSWER_MS * 1000;
    s->name = name;
    pk_side_begin(&s->side, &s->loop->uv, s, PK_SIDE_CONNECTING);
    uv_tcp_nodelay(&s->side.tcp, 1);
    if (pk_side_connect(&s->side, server, connected) != 0)
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
    case PK_ENSEMBLE_TLS:
        return "the server and we do not agree on TLS (upstream-tls)";
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
