/*
 * The uplink's side.
 *
 *   HEAD ──20 bytes: whose answer is it?──► PASS (straight to the client) or COLLECT (held until whole) ──►
 * HEAD
 *
 * Happy path: an answer that lies whole in the read buffer is judged there; a larger one passes through piece
 * by piece. Failure modes: bytes that are not the protocol, or an answer to no request, end the connection on
 * both sides.
 */
#include "core/uplink.h"

#include "core/answer.h"
#include "core/session.h"

enum {
    MAX_CONNECT_RESPONSE = 1024,
    COLLECT_ROOM = 64 * 1024, /* allocated at first for a frame that is held until it is whole */
    REPLY_LEN = PK_LEN_WORD + PK_REPLY_HEADER,
};

static void note_zxid(struct core *core, struct pk_conn *c, int64_t zxid)
{
    if (zxid <= 0)
        return;
    if (zxid > c->uplink_zxid)
        c->uplink_zxid = zxid;
    if (zxid > core->stats.newest_zxid)
        core->stats.newest_zxid = zxid;
}

static void take_ping(struct core *core, struct pk_conn *c, const struct pk_frame *f)
{
    int ours = pk_queue_pong(&c->queue);
    if (ours < 0) {
        pk_conn_close(core, c, PK_CLOSE_UNEXPECTED_REPLY);
    } else if (ours == 0 && c->client != PK_CLIENT_GONE) {
        c->sent++;
        if (pk_out_copy(&core->out, &c->client_out, f->p, f->len) != PK_OK)
            pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        pk_conn_changed(core, c);
    }
    if (c->blocked || c->client == PK_CLIENT_GONE || core->draining)
        pk_conn_wake(core, c);
}

static void take_whole(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_frame *f)
{
    struct pk_reply r;
    if (c->uplink == PK_UPLINK_HANDSHAKE) {
        pk_session_response(core, c, f);
        return;
    }
    pk_reply_load(&r, f->p + PK_LEN_WORD);
    if (r.xid == PK_XID_NOTIFICATION)
        pk_event_arrived(core, c, f);
    else if (r.xid == PK_XID_PING)
        take_ping(core, c, f);
    else
        pk_answer_arrived(core, c, e, f);
}

/* What is counted on from a zxid stays one: its upper half is the epoch, and no ensemble has had that many. */
static bool plausible(int64_t zxid)
{
    return zxid >= -1 && zxid <= INT64_MAX / 2;
}

/* Whose frame starts here. False after closing. *e is NULL for frames that answer no request. */
static bool identify(struct core *core, struct pk_conn *c, const uint8_t *head, size_t len,
                     struct pk_entry **e, struct pk_reply *r)
{
    *e = NULL;
    if (c->uplink == PK_UPLINK_HANDSHAKE)
        return true;
    pk_reply_load(r, head + PK_LEN_WORD);
    if (r->xid == PK_XID_NOTIFICATION || r->xid == PK_XID_PING)
        return true;
    if (!plausible(r->zxid)) {
        pk_conn_close(core, c, PK_CLOSE_MALFORMED_UPSTREAM);
        return false;
    }
    note_zxid(core, c, r->zxid);
    *e = pk_queue_match(&c->queue, r, len == REPLY_LEN);
    if (*e == NULL) {
        pk_conn_close(core, c, PK_CLOSE_UNEXPECTED_REPLY);
        return false;
    }
    (*e)->overtook = &(*e)->uplink != c->queue.uplink.next;
    return true;
}

/* Starts a frame that does not lie whole in the read buffer; head is in c->in.head. */
static void begin(struct core *core, struct pk_conn *c, size_t len)
{
    struct pk_reply r;
    struct pk_entry *e;
    if (!identify(core, c, c->in.head, len, &e, &r))
        return;
    c->in.left = (uint32_t)(len - c->in.nhead);
    c->in.entry = e;
    if (e != NULL && pk_answer_may_pass(core, c, e, &r)) {
        c->in.mode = PK_IN_PASS;
        pk_answer_passes(core, c, e, &r);
        if (c->client != PK_CLIENT_GONE &&
            pk_out_copy(&core->out, &c->client_out, c->in.head, c->in.nhead) != PK_OK)
            pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        pk_conn_changed(core, c);
        return;
    }
    size_t room = len < COLLECT_ROOM ? len : COLLECT_ROOM;
    c->in.mode = PK_IN_COLLECT;
    c->in.frame = pk_alloc(core->mem, sizeof *c->in.frame + room);
    if (c->in.frame == NULL) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return;
    }
    *c->in.frame = (struct pk_blob){.refs = 1, .len = c->in.nhead, .cap = (uint32_t)room};
    memcpy(c->in.frame->bytes, c->in.head, c->in.nhead);
}

/* The last byte of a frame begun has come in. */
static void end(struct core *core, struct pk_conn *c)
{
    struct pk_incoming in = c->in;
    c->in = (struct pk_incoming){0};
    if (in.mode == PK_IN_PASS) {
        pk_answer_passed(core, c, in.entry);
        return;
    }
    struct pk_frame f = {in.frame->bytes, in.frame->len, false};
    take_whole(core, c, in.entry, &f);
    pk_blob_unref(core->mem, in.frame);
}

/* Memory follows the bytes that came, not the length that was announced. */
static enum pk_err collect(struct core *core, struct pk_conn *c, const uint8_t *p, size_t n)
{
    struct pk_blob *b = c->in.frame;
    if (b->cap - b->len < n) {
        size_t whole = b->len + (size_t)c->in.left, cap = 2 * (size_t)b->cap;
        cap = cap < b->len + n ? b->len + n : cap > whole ? whole : cap;
        b = pk_resize(core->mem, b, sizeof *b + cap);
        if (b == NULL)
            return PK_ENOMEM;
        b->cap = (uint32_t)cap;
        c->in.frame = b;
    }
    memcpy(b->bytes + b->len, p, n);
    b->len += (uint32_t)n;
    return PK_OK;
}

static size_t continue_frame(struct core *core, struct pk_conn *c, const uint8_t *p, size_t n)
{
    size_t some = n < c->in.left ? n : c->in.left;
    enum pk_err err = PK_OK;
    if (c->in.mode == PK_IN_COLLECT)
        err = collect(core, c, p, some);
    else if (c->client != PK_CLIENT_GONE)
        err = pk_out_borrow(&core->out, &c->client_out, p, some);
    if (err != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return some;
    }
    pk_conn_changed(core, c);
    c->in.left -= (uint32_t)some;
    if (c->in.left == 0)
        end(core, c);
    return some;
}

/* Length of the frame whose first bytes these are, or 0 after closing. */
static size_t checked_len(struct core *core, struct pk_conn *c, const uint8_t *p)
{
    uint32_t len = pk_load32(p);
    bool connecting = c->uplink == PK_UPLINK_HANDSHAKE;
    if (connecting ? len > MAX_CONNECT_RESPONSE : len < PK_REPLY_HEADER || len > INT32_MAX) {
        pk_conn_close(core, c, PK_CLOSE_MALFORMED_UPSTREAM);
        return 0;
    }
    return PK_LEN_WORD + (size_t)len;
}

/* Collects the head; begins the frame when that is complete. Returns the bytes used. */
static size_t collect_head(struct core *core, struct pk_conn *c, const uint8_t *p, size_t n)
{
    uint32_t want = c->uplink == PK_UPLINK_HANDSHAKE ? PK_LEN_WORD : REPLY_LEN;
    size_t some = want - c->in.nhead < n ? want - c->in.nhead : n;
    memcpy(c->in.head + c->in.nhead, p, some);
    c->in.nhead += (uint32_t)some;
    if (c->in.nhead < want)
        return some;
    size_t len = checked_len(core, c, c->in.head);
    if (len == 0)
        return some;
    begin(core, c, len);
    if (!c->ending && c->in.left == 0)
        end(core, c);
    return some;
}

/* Takes a frame that lies whole in the read buffer; returns its length, 0 when it does not. */
static size_t take_in_place(struct core *core, struct pk_conn *c, const uint8_t *p, size_t n)
{
    if (n < PK_LEN_WORD)
        return 0;
    size_t len = checked_len(core, c, p);
    if (len == 0 || n < len)
        return 0;
    struct pk_reply r;
    struct pk_entry *e;
    struct pk_frame f = {p, len, true};
    if (identify(core, c, p, len, &e, &r))
        take_whole(core, c, e, &f);
    return len;
}

void pk_uplink_bytes(struct core *core, struct pk_conn *c, const uint8_t *p, size_t n)
{
    c->uplink_heard_us = core->now_us;
    while (n > 0 && !c->ending && (c->uplink == PK_UPLINK_HANDSHAKE || c->uplink == PK_UPLINK_UP)) {
        size_t used = 0;
        if (c->in.mode != PK_IN_HEAD)
            used = continue_frame(core, c, p, n);
        else if (c->in.nhead == 0)
            used = take_in_place(core, c, p, n);
        if (used == 0 && !c->ending)
            used = collect_head(core, c, p, n);
        p += used;
        n -= used;
    }
}

void pk_uplink_eof(struct core *core, struct pk_conn *c)
{
    if (c->uplink == PK_UPLINK_HANDSHAKE)
        pk_session_elsewhere(core, c, PK_CLOSE_UPLINK_CLOSED_AT_ONCE);
    else if (c->closing)
        pk_conn_close(core, c, PK_CLOSE_SESSION_CLOSED);
    else
        pk_conn_close(core, c, PK_CLOSE_UPLINK_LOST);
}

void pk_uplink_failed(struct core *core, struct pk_conn *c)
{
    pk_conn_close(core, c, c->why != PK_CLOSE_NONE ? c->why : PK_CLOSE_NO_UPSTREAM);
}

bool pk_uplink_wants(const struct core *core, const struct pk_conn *c)
{
    if (c->uplink != PK_UPLINK_HANDSHAKE && c->uplink != PK_UPLINK_UP)
        return false;
    return c->client == PK_CLIENT_GONE || c->client_out.bytes <= core->config.client_high_water;
}
