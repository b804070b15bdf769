/*
 * The client's side.
 *
 * Happy path: frames are judged where the driver read them; only a partial frame is copied.
 * Failure modes: a length beyond the bound, which is small before there is a session, closes the connection; a request
 * that waits keeps itself and what follows in the backlog, and beyond READ_AHEAD bytes nothing more is read.
 */
#include "core/client.h"

#include <string.h>

#include "core/conn/hold.h"
#include "core/conn/vouch.h"
#include "core/held.h"
#include "core/peer/rules.h"
#include "core/pulse/login.h"
#include "core/pulse/message.h"
#include "core/serve/answer.h"
#include "core/serve/route.h"
#include "core/serve/token.h"
#include "core/serve/watch_parts.h"
#include "core/session.h"
#include "core/sync/flush.h"

enum {
    CONNECT_REQUEST = 1024, /* a connect request with its length word; real ones have 49 bytes */
    READ_AHEAD = 64 * 1024, /* bytes received behind a request that waits */
    WORK_DECODE = 64,       /* bytes of a request looked through in one step of a turn */
    HEAVY = 64 * 1024,      /* bytes of a request that is judged in a turn of its own */
    PIECE = 256 * 1024,     /* bytes of one that are read in a turn */
};

static bool is_word(const uint8_t *p)
{
    for (int i = 0; i < 4; i++)
        if (p[i] < 'a' || p[i] > 'z')
            return false;
    return true;
}

/* Whose first bytes these are, which would be a length beyond every bound. */
static enum pk_close stranger(const uint8_t *p)
{
    static const uint8_t tls[] = {0x16, 0x03}, v1[] = {'P', 'R', 'O', 'X'}, v2[] = {'\r', '\n', '\r', '\n'};
    if (memcmp(p, tls, sizeof tls) == 0)
        return PK_CLOSE_TLS_AT_PLAIN_PORT;
    if (memcmp(p, v1, sizeof v1) == 0 || memcmp(p, v2, sizeof v2) == 0)
        return PK_CLOSE_PROXY_HEADER;
    return PK_CLOSE_MALFORMED_LENGTH;
}

static uint32_t longest(const struct core *core, const struct pk_client *c)
{
    if (c->kind == PK_KIND_PACEMAKER)
        return core->pacemaker.max_message;
    return c->state == PK_CLIENT_HANDSHAKE ? CONNECT_REQUEST - PK_LEN_WORD : core->conns.limits.max_frame;
}

/* Bytes of a frame with this length word, which is one of them; 0: none has it. */
static size_t frame_of(const struct core *core, const struct pk_client *c, uint32_t word)
{
    if (word <= longest(core, c))
        return PK_LEN_WORD + (size_t)word;
    if (pk_vouch_is(c, word) && pk_vouch_len(word) <= PK_IDENTITY_LEN)
        return PK_LEN_WORD + (size_t)pk_vouch_len(word);
    return 0;
}

/* Length of the frame at p with its length word; 0 when the word itself is incomplete, or after closing. */
static size_t frame_len(struct core *core, struct pk_client *c, const uint8_t *p, size_t n)
{
    if (n < PK_LEN_WORD)
        return 0;
    size_t len = frame_of(core, c, pk_load32(p));
    if (len > 0)
        return len;
    if (c->kind == PK_KIND_ZOOKEEPER && c->state == PK_CLIENT_HANDSHAKE && is_word(p)) {
        memcpy(c->four_letter, p, 4);
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_FOUR_LETTER);
    } else {
        bool first = c->state == PK_CLIENT_HANDSHAKE;
        pk_conn_close(&core->conns, &c->up, first ? stranger(p) : PK_CLOSE_MALFORMED_LENGTH);
    }
    return 0;
}

static enum pk_decision judge(struct core *core, struct pk_client *c, const struct pk_frame *f)
{
    if (core->sync.restoring)
        return PK_WAITS;
    if (c->kind == PK_KIND_PACEMAKER)
        return pk_message_judge(&core->pacemaker, c, f);
    return c->up.state == PK_UPLINK_UP || c->hold != NULL ? pk_route_frame(&core->sync, c, f) : PK_WAITS;
}

/* A request is counted when it is taken. */
static void received(struct pk_client *c)
{
    c->received++;
    c->written += pk_op_writes(c->last_op);
}

static enum pk_decision take(struct core *core, struct pk_client *c, const struct pk_frame *f)
{
    if (pk_vouch_is(c, pk_load32(f->p))) {
        pk_vouch_taken(&core->conns, c, f->p);
        return PK_TAKEN;
    }
    if (c->kind == PK_KIND_ZOOKEEPER && c->state == PK_CLIENT_HANDSHAKE) {
        pk_session_request(core, c, f);
        return PK_TAKEN;
    }
    enum pk_decision decision = judge(core, c, f);
    if (decision == PK_TAKEN)
        received(c);
    return decision;
}

/* The oldest request waits, and what follows with it. */
static void block(struct core *core, struct pk_client *c)
{
    c->blocked = true;
    if (c->blocked_us == 0)
        c->blocked_us = core->conns.now_us;
}

/* To judge a request of len bytes; one that awaits its turn is not looked at. */
static size_t work_of(const struct pk_client *c, size_t len)
{
    return PK_WORK_FRAME + (c->awaits_turn ? 0 : len / WORK_DECODE);
}

/* Judges the frames in p[0..n) until its turn is over; returns how many bytes were taken. */
static size_t judge_span(struct core *core, struct pk_client *c, const uint8_t *p, size_t n, bool borrowed)
{
    size_t off = 0;
    c->blocked = c->pending != NULL;
    while (off < n && !c->up.ending && !c->blocked) {
        size_t len = frame_len(core, c, p + off, n - off);
        if (len == 0 || n - off < len)
            return off;
        if (pk_tired(&core->conns)) {
            c->blocked = true;
            pk_client_rest(&core->conns, c);
            return off;
        }
        pk_work(&core->conns, work_of(c, len));
        struct pk_frame f = {p + off, len, borrowed};
        enum pk_decision decision = take(core, c, &f);
        if (decision != PK_WAITS)
            off += len;
        if (decision != PK_TAKEN)
            block(core, c);
    }
    return c->up.ending ? n : off;
}

static bool is_ping(const uint8_t *p, size_t len)
{
    return len == PK_LEN_WORD + PK_REQUEST_HEADER && (int32_t)pk_load32(p + PK_LEN_WORD) == PK_XID_PING &&
           (int32_t)pk_load32(p + PK_LEN_WORD + 4) == PK_OP_PING;
}

/* Nobody asks the server of a client that is held. */
static void take_ping(struct core *core, struct pk_client *c, const struct pk_frame *f)
{
    if (pk_hold_is_held(c))
        pk_hold_pong(&core->conns, c);
    else
        pk_relay_ping(&core->conns, c, f);
    c->received++;
}

static bool may_take_ping(const struct pk_client *c)
{
    return pk_hold_is_held(c) || (pk_uplink_usable(&c->up) && c->up.awaited.npings < PK_PINGS_MAX);
}

/* Pings are exempt from order: those behind a request that waits are relayed past it, so that who waits long for
 * somebody else's sake keeps its session. */
static void pass_pings(struct core *core, struct pk_client *c)
{
    struct pk_backlog *b = &c->backlog;
    while (c->blocked && !c->up.ending && may_take_ping(c)) {
        size_t left = pk_backlog_waiting(b) - b->scanned;
        if (left < PK_LEN_WORD)
            return;
        uint8_t *p = b->p + b->off + b->scanned;
        size_t len = PK_LEN_WORD + (size_t)pk_vouch_len(pk_load32(p));
        if (len > left)
            return;
        if (!is_ping(p, len)) {
            b->scanned += len;
            continue;
        }
        struct pk_frame f = {p, len, false};
        take_ping(core, c, &f);
        memmove(p, p + len, left - len);
        b->len -= len;
    }
}

static void judge_backlog(struct core *core, struct pk_client *c)
{
    struct pk_backlog *b = &c->backlog;
    const uint8_t *p = b->p != NULL ? b->p + b->off : NULL;
    b->scanned = 0;
    b->off += judge_span(core, c, p, pk_backlog_waiting(b), false);
    if (!c->blocked)
        c->blocked_us = 0;
    if (pk_backlog_waiting(b) == 0)
        pk_backlog_drop(core->mem, b);
}

/* Judges the request that is pending again; of one that is sent in parts what its turn has time for. */
static void judge_pending(struct core *core, struct pk_client *c)
{
    while (c->pending != NULL && !c->up.ending && !c->resting) {
        pk_work(&core->conns, work_of(c, c->pending->frame->len));
        if (pk_route_pending(&core->sync, c) != PK_TAKEN)
            return;
        if (!pk_watch_parts_next(&core->sync, c))
            received(c);
        else if (pk_tired(&core->conns))
            pk_client_rest(&core->conns, c);
    }
}

/* The same, then what came behind it. */
static void go_on(struct core *core, struct pk_client *c)
{
    judge_pending(core, c);
    if (c->pending != NULL || c->up.ending)
        return;
    judge_backlog(core, c);
}

static bool has_whole_frame(const struct core *core, const struct pk_client *c)
{
    const struct pk_backlog *b = &c->backlog;
    if (pk_backlog_waiting(b) < PK_LEN_WORD)
        return false;
    size_t len = frame_of(core, c, pk_load32(b->p + b->off));
    return len > 0 && pk_backlog_waiting(b) >= len;
}

/* What came is judged, but for a request with which others who have sent something would wait for one another's. */
static void judge_now(struct core *core, struct pk_client *c)
{
    if (pk_backlog_waiting(&c->backlog) <= HEAVY || !has_whole_frame(core, c)) {
        judge_backlog(core, c);
        return;
    }
    c->blocked = true;
    pk_client_rest(&core->conns, c);
}

/* Of a long request a piece is kept; the driver would read all of it before it looks at others. */
static enum pk_err keep(struct core *core, struct pk_client *c, const uint8_t *p, size_t n)
{
    struct pk_backlog *b = &c->backlog;
    size_t pieces = pk_backlog_waiting(b) / PIECE;
    enum pk_err err = pk_backlog_keep(core->mem, b, p, n);
    if (err == PK_OK && pk_backlog_waiting(b) / PIECE != pieces)
        pk_client_rest(&core->conns, c);
    return err;
}

void pk_client_bytes(struct core *core, struct pk_client *c, const uint8_t *p, size_t n)
{
    struct pk_backlog *b = &c->backlog;
    if (pk_rule_is_life(&core->conns, c))
        c->heard_us = pk_held_read_us(core);
    while (n > 0 && !c->up.ending) {
        size_t done;
        if (pk_backlog_waiting(b) == 0) {
            done = judge_span(core, c, p, n, true);
            if (done < n && !c->up.ending && pk_backlog_keep(core->mem, b, p + done, n - done) != PK_OK)
                pk_conn_close(&core->conns, &c->up, PK_CLOSE_NO_MEMORY);
            break;
        }
        done = c->blocked ? n : pk_backlog_missing(b, n);
        if (keep(core, c, p, done) != PK_OK) {
            pk_conn_close(&core->conns, &c->up, PK_CLOSE_NO_MEMORY);
            return;
        }
        p += done;
        n -= done;
        if (!c->blocked)
            judge_now(core, c);
    }
    pass_pings(core, c);
}

struct pk_client *pk_client_open(struct core *core, int64_t now_us, enum pk_client_kind kind)
{
    if (now_us > core->conns.now_us)
        core->conns.now_us = now_us;
    return pk_client_new(&core->conns, kind);
}

/* A client that left, or is to leave, has its last words finished first. */
static void finish(struct core *core, struct pk_client *c)
{
    if (has_whole_frame(core, c) || c->queue.depth > 0 || c->pending != NULL || c->job != NULL ||
        pk_login_waits(c))
        return;
    if (!pk_flush_client(&core->sync, c) || pk_awaited_any(&c->up.awaited) || pk_uplink_unsent(&c->up) > 0)
        return;
    pk_conn_close(&core->conns, &c->up,
                  c->state == PK_CLIENT_GONE ? PK_CLOSE_CLIENT_LEFT
                  : c->leaving               ? PK_CLOSE_OPERATOR
                                             : PK_CLOSE_DRAINED);
}

void pk_client_run(struct core *core, struct pk_client *c)
{
    core->conns.work = 0;
    c->resting = false;
    pk_list_del(&c->up.runnable);
    if (core->sync.restoring) /* woken again behind that */
        return;
    pk_answers_advance(&core->sync, c);
    if (c->up.ending || c->resting)
        return;
    pk_list_del(&c->up.runnable); /* what advanced is judged right here */
    go_on(core, c);
    if (c->up.ending)
        return;
    pk_held_woken(core, c);
    bool leaving = (core->conns.draining || c->leaving) && c->kind != PK_KIND_LANE;
    if (c->state == PK_CLIENT_GONE || (leaving && c->state == PK_CLIENT_OPEN))
        finish(core, c);
    pk_conn_changed(&core->conns, &c->up);
}

void pk_client_eof(struct core *core, struct pk_client *c)
{
    if (c->state == PK_CLIENT_HANDSHAKE || c->state == PK_CLIENT_LAST) {
        pk_client_out_drop(&core->conns, c);
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_CLIENT_LEFT);
        pk_conn_changed(&core->conns, &c->up);
        return;
    }
    if (c->hold != NULL && c->up.state != PK_UPLINK_UP) {
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_CLIENT_LEFT);
        return;
    }
    pk_client_move(c, PK_CLIENT_GONE);
    pk_token_forget(&core->sync, c);
    if (pk_login_waits(c))
        pk_login_forget(core->mem, c);
    pk_client_out_drop(&core->conns, c);
    pk_client_wake(&core->conns, c);
}

void pk_client_dismiss(struct core *core, struct pk_client *c)
{
    if (c->state == PK_CLIENT_HANDSHAKE)
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_MADE_ROOM);
}

void pk_client_leave(struct core *core, struct pk_client *c)
{
    c->leaving = true;
    if (c->state == PK_CLIENT_HANDSHAKE || c->up.state != PK_UPLINK_UP)
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_OPERATOR);
    else
        pk_client_wake(&core->conns, c);
}

bool pk_client_wants(const struct core *core, const struct pk_client *c)
{
    if (c->state == PK_CLIENT_HANDSHAKE)
        return true;
    if (c->kind == PK_KIND_LINK)
        return c->state == PK_CLIENT_OPEN;
    if (c->kind == PK_KIND_LANE)
        return false;
    if (c->state != PK_CLIENT_OPEN || core->conns.draining || c->leaving || c->resting)
        return false;
    if (pk_client_unsent(c) > core->conns.limits.client_high_water ||
        pk_uplink_unsent(&c->up) > core->conns.limits.uplink_high_water)
        return false;
    return !c->blocked || pk_backlog_waiting(&c->backlog) < READ_AHEAD;
}
