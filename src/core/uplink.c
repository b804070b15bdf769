/*
 * The uplink's side.
 *
 *   HEAD ──20 bytes: whose answer is it?──► PASS (straight to the client) or COLLECT (held until whole) ──► HEAD
 *
 * Happy path: an answer that lies whole in the read buffer is judged there; a larger one passes through piece by piece.
 * Failure modes: bytes that are not the protocol, or an answer to no request, end the connection on both sides.
 */
#include "core/uplink.h"

#include <string.h>

#include "core/held.h"
#include "core/serve/answer.h"
#include "core/session.h"

enum {
    MAX_CONNECT_RESPONSE = 1024,
    COLLECT_ROOM = 64 * 1024, /* allocated at first for a frame that is held until it is whole */
    REPLY_LEN = PK_LEN_WORD + PK_REPLY_HEADER,
};

static void note_zxid(struct core *core, struct pk_uplink *u, int64_t zxid)
{
    if (zxid <= 0)
        return;
    if (zxid > u->zxid)
        u->zxid = zxid;
    if (zxid > core->stats.newest_zxid)
        core->stats.newest_zxid = zxid;
}

static void take_ping(struct core *core, struct pk_uplink *u, const struct pk_answer_frame *a)
{
    struct pk_client *c = u->client;
    int ours = pk_awaited_pong(&u->awaited);
    if (ours < 0) {
        pk_conn_close(&core->conns, u, PK_CLOSE_UNEXPECTED_REPLY);
        return;
    }
    if (c == NULL)
        return;
    if (ours == 0 && c->state != PK_CLIENT_GONE) {
        if (a->header.zxid > c->shown_zxid && pk_zxid_plausible(a->header.zxid))
            c->shown_zxid = a->header.zxid;
        c->sent++;
        if (pk_out_copy(&core->conns.out, pk_client_out(&core->conns, c, PK_ON_NOTHING), a->frame.p,
                        a->frame.len) != PK_OK)
            pk_conn_close(&core->conns, u, PK_CLOSE_NO_MEMORY);
        pk_conn_changed(&core->conns, u);
    }
    if (c->blocked || c->leaving || c->state == PK_CLIENT_GONE || core->conns.draining)
        pk_client_wake(&core->conns, c);
}

/* r: its header, but for a connect response, which has none. */
static void take_whole(struct core *core, struct pk_uplink *u, struct pk_entry *e, const struct pk_frame *f,
                       const struct pk_reply *r)
{
    if (u->state == PK_UPLINK_HANDSHAKE) {
        pk_session_response(core, u, f);
        return;
    }
    struct pk_answer_frame a = pk_answer_of(*f, r);
    if (r->xid == PK_XID_PING)
        take_ping(core, u, &a);
    else if (r->xid != PK_XID_NOTIFICATION)
        pk_answer_arrived(&core->sync, u, e, &a);
    else if (u->client != NULL)
        pk_event_arrived(&core->sync, u->client, &a);
}

/* Whose frame starts here. False when the connection is to end. *e is NULL for frames that answer no request. */
static bool identify(struct core *core, struct pk_uplink *u, const uint8_t *head, size_t len,
                     struct pk_entry **e, struct pk_reply *r)
{
    *e = NULL;
    if (u->state == PK_UPLINK_HANDSHAKE)
        return true;
    pk_reply_load(r, head + PK_LEN_WORD);
    if (r->xid == PK_XID_NOTIFICATION || r->xid == PK_XID_PING)
        return true;
    if (!pk_zxid_plausible(r->zxid)) {
        pk_conn_close(&core->conns, u, PK_CLOSE_MALFORMED_UPSTREAM);
        return false;
    }
    note_zxid(core, u, r->zxid);
    *e = pk_awaited_match(&u->awaited, r, len == REPLY_LEN);
    if (*e == NULL) {
        pk_conn_close(&core->conns, u, PK_CLOSE_UNEXPECTED_REPLY);
        return false;
    }
    (*e)->overtook = &(*e)->uplink != u->awaited.entries.next;
    return true;
}

/* The answer passes through to the client: its head now, the rest as it comes. */
static void begin_pass(struct core *core, struct pk_uplink *u, struct pk_entry *e, const struct pk_reply *r)
{
    struct pk_client *c = u->client;
    enum pk_depends depends = pk_answer_depends(e);
    u->in.mode = PK_IN_PASS;
    pk_answer_passes(&core->sync, c, e, r);
    if (c->state != PK_CLIENT_GONE && pk_out_copy(&core->conns.out, pk_client_out(&core->conns, c, depends),
                                                  u->in.head, u->in.nhead) != PK_OK)
        pk_conn_close(&core->conns, u, PK_CLOSE_NO_MEMORY);
    pk_conn_changed(&core->conns, u);
}

static void begin_collect(struct core *core, struct pk_uplink *u, size_t len)
{
    size_t room = len < COLLECT_ROOM ? len : COLLECT_ROOM;
    u->in.mode = PK_IN_COLLECT;
    u->in.frame = pk_alloc(core->mem, sizeof *u->in.frame + room);
    if (u->in.frame == NULL) {
        pk_conn_close(&core->conns, u, PK_CLOSE_NO_MEMORY);
        return;
    }
    *u->in.frame = (struct pk_blob){.refs = 1, .len = u->in.nhead, .cap = (uint32_t)room};
    memcpy(u->in.frame->bytes, u->in.head, u->in.nhead);
}

/* Starts a frame that does not lie whole in the read buffer; its head is in u->in.head. */
static void begin(struct core *core, struct pk_uplink *u, size_t len)
{
    struct pk_reply r;
    struct pk_entry *e;
    if (!identify(core, u, u->in.head, len, &e, &r))
        return;
    u->in.left = (uint32_t)(len - u->in.nhead);
    u->in.entry = e;
    if (e != NULL && pk_answer_may_pass(&core->sync, u, e, &r))
        begin_pass(core, u, e, &r);
    else
        begin_collect(core, u, len);
}

/* The last byte of a frame begun has come in. */
static void end(struct core *core, struct pk_uplink *u)
{
    struct pk_incoming in = u->in;
    u->in = (struct pk_incoming){0};
    if (in.mode == PK_IN_PASS) {
        pk_answer_passed(&core->sync, u->client, in.entry);
        return;
    }
    struct pk_frame f = {in.frame->bytes, in.frame->len, false};
    struct pk_reply r = {0};
    if (u->state != PK_UPLINK_HANDSHAKE)
        pk_reply_load(&r, f.p + PK_LEN_WORD);
    take_whole(core, u, in.entry, &f, &r);
    pk_blob_unref(core->mem, in.frame);
}

/* Memory follows the bytes that came, not the length that was announced. */
static enum pk_err collect(struct core *core, struct pk_uplink *u, const uint8_t *p, size_t n)
{
    struct pk_blob *b = u->in.frame;
    if (b->cap - b->len < n) {
        size_t whole = b->len + (size_t)u->in.left, cap = 2 * (size_t)b->cap;
        cap = cap < b->len + n ? b->len + n : cap > whole ? whole : cap;
        b = pk_resize(core->mem, b, sizeof *b + cap);
        if (b == NULL)
            return PK_ENOMEM;
        b->cap = (uint32_t)cap;
        u->in.frame = b;
    }
    memcpy(b->bytes + b->len, p, n);
    b->len += (uint32_t)n;
    return PK_OK;
}

static size_t continue_frame(struct core *core, struct pk_uplink *u, const uint8_t *p, size_t n)
{
    size_t some = n < u->in.left ? n : u->in.left;
    enum pk_err err = PK_OK;
    if (u->in.mode == PK_IN_COLLECT)
        err = collect(core, u, p, some);
    else if (u->client->state != PK_CLIENT_GONE)
        err = pk_out_borrow(&core->conns.out, pk_client_out(&core->conns, u->client, PK_ON_ORDER), p, some);
    if (err != PK_OK) {
        pk_conn_close(&core->conns, u, PK_CLOSE_NO_MEMORY);
        return some;
    }
    pk_conn_changed(&core->conns, u);
    u->in.left -= (uint32_t)some;
    if (u->in.left == 0)
        end(core, u);
    return some;
}

/* Length of the frame whose first bytes these are, or 0 when the connection is to end. */
static size_t checked_len(struct core *core, struct pk_uplink *u, const uint8_t *p)
{
    uint32_t len = pk_load32(p);
    bool handshake = u->state == PK_UPLINK_HANDSHAKE;
    if (handshake ? len > MAX_CONNECT_RESPONSE : len < PK_REPLY_HEADER || len > INT32_MAX) {
        pk_conn_close(&core->conns, u, PK_CLOSE_MALFORMED_UPSTREAM);
        return 0;
    }
    return PK_LEN_WORD + (size_t)len;
}

/* Collects the head; begins the frame when that is complete. Returns the bytes used. */
static size_t collect_head(struct core *core, struct pk_uplink *u, const uint8_t *p, size_t n)
{
    uint32_t want = u->state == PK_UPLINK_HANDSHAKE ? PK_LEN_WORD : REPLY_LEN;
    size_t some = want - u->in.nhead < n ? want - u->in.nhead : n;
    memcpy(u->in.head + u->in.nhead, p, some);
    u->in.nhead += (uint32_t)some;
    if (u->in.nhead < want)
        return some;
    size_t len = checked_len(core, u, u->in.head);
    if (len == 0)
        return some;
    begin(core, u, len);
    if (!u->ending && u->in.left == 0)
        end(core, u);
    return some;
}

/* Takes a frame that lies whole in the read buffer; returns its length, 0 when it does not. */
static size_t take_in_place(struct core *core, struct pk_uplink *u, const uint8_t *p, size_t n)
{
    if (n < PK_LEN_WORD)
        return 0;
    size_t len = checked_len(core, u, p);
    if (len == 0 || n < len)
        return 0;
    struct pk_reply r = {0};
    struct pk_entry *e;
    struct pk_frame f = {p, len, true};
    if (identify(core, u, p, len, &e, &r))
        take_whole(core, u, e, &f, &r);
    return len;
}

void pk_uplink_bytes(struct core *core, struct pk_uplink *u, const uint8_t *p, size_t n)
{
    u->heard_us = core->conns.now_us;
    while (n > 0 && !u->ending && (u->state == PK_UPLINK_HANDSHAKE || u->state == PK_UPLINK_UP)) {
        size_t used = 0;
        if (u->in.mode != PK_IN_HEAD)
            used = continue_frame(core, u, p, n);
        else if (u->in.nhead == 0)
            used = take_in_place(core, u, p, n);
        if (used == 0 && !u->ending)
            used = collect_head(core, u, p, n);
        p += used;
        n -= used;
    }
}

void pk_uplink_eof(struct core *core, struct pk_uplink *u)
{
    if (u->state == PK_UPLINK_HANDSHAKE)
        pk_session_elsewhere(core, u, PK_CLOSE_UPLINK_CLOSED_AT_ONCE);
    else if (u->client == NULL && pk_uplink_usable(u))
        pk_session_move_service(core, PK_CLOSE_UPLINK_LOST);
    else if (u->client != NULL && u->state == PK_UPLINK_UP && !u->ending)
        pk_held_closed(core, u->client);
    else
        pk_conn_close(&core->conns, u, u->session_closing ? PK_CLOSE_SESSION_CLOSED : PK_CLOSE_UPLINK_LOST);
}

void pk_uplink_failed(struct core *core, struct pk_uplink *u)
{
    enum pk_close why = u->why != PK_CLOSE_NONE ? (enum pk_close)u->why : PK_CLOSE_NO_UPSTREAM;
    if (u->where == PK_TO_MEMBER_RELAY)
        pk_held_failed(core, u, why);
    else
        pk_conn_close(&core->conns, u, why);
}

bool pk_uplink_wants(const struct core *core, const struct pk_uplink *u)
{
    const struct pk_client *c = u->client;
    if (u->state != PK_UPLINK_HANDSHAKE && u->state != PK_UPLINK_UP)
        return false;
    if (c != NULL && c->resting)
        return false;
    return c == NULL || c->state == PK_CLIENT_GONE ||
           pk_client_unsent(c) <= core->conns.limits.client_high_water;
}
