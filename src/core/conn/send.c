/*
 * Sending.
 *
 * Happy path: a relayed frame is borrowed from the read buffer and leaves with the turn, one pooled entry waits for its
 * answer. Failure modes: out of memory marks the connection to end; nothing is freed before the end of the step.
 */
#include "core/conn/send.h"

#include <string.h>

#include "core/conn/hold.h"
#include "core/store/stats.h"

static void note_outstanding(struct pk_conns *conns, struct pk_uplink *u)
{
    if (pk_list_empty(&u->timed)) {
        u->timed_us = conns->now_us;
        pk_list_add_tail(&conns->outstanding, &u->timed);
    }
}

/* A fresh xid of our own: negative, so that servers do not count it in their throttling. */
static int32_t internal_xid(struct pk_conns *conns)
{
    enum { FIRST = -0x40000000, LAST = -0x20000000 };
    int32_t xid = conns->internal_xid;
    conns->internal_xid = xid < FIRST || xid >= LAST ? FIRST : xid + 1;
    return conns->internal_xid;
}

/* A server gives every request the xid back that it had; these two say that a frame answers none, or a ping. */
static bool has_meaning(int32_t xid)
{
    return xid == PK_XID_NOTIFICATION || xid == PK_XID_PING;
}

struct pk_entry *pk_entry_new(struct pk_conns *conns, struct pk_uplink *u, enum pk_answer answer, int32_t xid,
                              int32_t op, struct pk_bytes path)
{
    struct pk_entry *e = pk_pool_get(&conns->entries);
    if (e != NULL && path.p != NULL) {
        e->path = pk_blob_pooled(&conns->kept, path.p, path.len);
        if (e->path == NULL) {
            pk_pool_put(&conns->entries, e);
            e = NULL;
        }
    }
    if (e == NULL) {
        pk_conn_close(conns, u, PK_CLOSE_NO_MEMORY);
        return NULL;
    }
    pk_list_init(&e->client);
    pk_list_init(&e->uplink);
    e->xid = xid;
    e->asked_xid = has_meaning(xid) ? internal_xid(conns) : xid;
    e->op = op;
    e->nmounts = conns->nmounts;
    e->answer = (uint8_t)answer;
    e->state = PK_ENTRY_AWAITED;
    return e;
}

/* Credentials are kept where no core dump has them. */
static struct pk_blob *keep(struct pk_conns *conns, int op, const struct pk_frame *f)
{
    return op == PK_OP_AUTH ? pk_blob_new(conns->secrets, f->p, f->len)
                            : pk_blob_pooled(&conns->kept, f->p, f->len);
}

/* Credentials are wiped, unless they are kept for the session. */
static void forget_request(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e)
{
    if (e->request == NULL)
        return;
    c->queue.kept_bytes -= e->request->len;
    if (e->op != PK_OP_AUTH) {
        pk_blob_unpool(&conns->kept, e->request);
        return;
    }
    if (e->request->refs == 1)
        pk_wipe(e->request->bytes, e->request->len);
    pk_blob_unref(conns->secrets, e->request);
}

void pk_entry_free(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e)
{
    if (!pk_list_empty(&e->client)) {
        c->queue.depth--;
        conns->stats->queue_depth--;
        if (e->state == PK_ENTRY_LOCAL)
            c->queue.locals--;
    }
    if (e->parked != NULL)
        c->queue.parked_bytes -= e->parked->len;
    pk_list_del(&e->client);
    pk_list_del(&e->uplink);
    pk_blob_unpool(&conns->kept, e->path);
    pk_blob_unref(conns->mem, e->parked);
    pk_blob_unref(conns->mem, e->data);
    forget_request(conns, c, e);
    pk_pool_put(&conns->entries, e);
}

void pk_entry_queue(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e)
{
    pk_list_add_tail(&c->queue.entries, &e->client);
    c->queue.depth++;
    conns->stats->queue_depth++;
    if (e->state == PK_ENTRY_LOCAL)
        c->queue.locals++;
}

/* Its place in the uplink's order: the end, or before what it overtakes, which waits behind the gate. */
static struct pk_list *place_of(struct pk_uplink *u, const struct pk_entry *e)
{
    if (u->gate == NULL || e->gated > 0)
        return &u->awaited.entries;
    struct pk_list *at = u->awaited.entries.next;
    while (at != &u->awaited.entries && PK_CONTAINER(at, struct pk_entry, uplink)->gated == 0)
        at = at->next;
    return at;
}

/* The request goes into this chain; returns it. */
static struct pk_out *await(struct pk_conns *conns, struct pk_uplink *u, struct pk_entry *e,
                            enum pk_depends on)
{
    struct pk_out *out = pk_uplink_out(conns, u, on);
    e->state = PK_ENTRY_AWAITED;
    e->sent_us = conns->now_us;
    e->gated = pk_gate_generation(u, out);
    pk_list_add_before(place_of(u, e), &e->uplink);
    note_outstanding(conns, u);
    return out;
}

/* Room for len bytes on their way to the ensemble, or NULL when the connection is to end. */
static uint8_t *uplink_room(struct pk_conns *conns, struct pk_uplink *u, struct pk_out *out, size_t len)
{
    uint8_t *p = pk_out_room(&conns->out, out, len);
    if (p == NULL)
        pk_conn_close(conns, u, PK_CLOSE_NO_MEMORY);
    u->wrote_us = conns->now_us;
    pk_conn_changed(conns, u);
    return p;
}

static bool send_frame(struct pk_conns *conns, struct pk_uplink *u, struct pk_out *out,
                       const struct pk_frame *f)
{
    enum pk_err err = f->borrowed ? pk_out_borrow(&conns->out, out, f->p, f->len)
                                  : pk_out_copy(&conns->out, out, f->p, f->len);
    if (err != PK_OK) {
        pk_conn_close(conns, u, PK_CLOSE_NO_MEMORY);
        return false;
    }
    u->wrote_us = conns->now_us;
    pk_conn_changed(conns, u);
    return true;
}

static bool is_kept(const struct pk_conns *conns, int32_t op)
{
    return conns->limits.hold && (pk_hold_asks_again(op) || op == PK_OP_ADD_WATCH);
}

/* What may change something below a mount follows from what memory holds there. */
static enum pk_depends relayed_depends(const struct pk_entry *e)
{
    return e->below && !pk_hold_asks_again(e->op) ? PK_ON_MEMORY : PK_ON_ORDER;
}

/* The same for our own: they are about paths below mounts, or about the group. */
static enum pk_depends internal_depends(enum pk_answer answer, int32_t op)
{
    if (answer == PK_ANSWER_GROUP)
        return PK_ON_NOTHING;
    return op == PK_OP_MULTI || op == PK_OP_CREATE ? PK_ON_MEMORY : PK_ON_ORDER;
}

void pk_relay(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e, const struct pk_frame *f)
{
    if (is_kept(conns, e->op)) {
        e->request = keep(conns, e->op, f);
        c->queue.kept_bytes += e->request != NULL ? (uint32_t)f->len : 0;
        if (e->request == NULL)
            pk_conn_close(conns, &c->up, PK_CLOSE_NO_MEMORY);
    }
    pk_entry_queue(conns, c, e);
    struct pk_out *out = await(conns, &c->up, e, relayed_depends(e));
    conns->stats->requests_relayed++;
    if (!pk_entry_renamed(e)) {
        send_frame(conns, &c->up, out, f);
        return;
    }
    uint8_t *p = uplink_room(conns, &c->up, out, f->len);
    if (p == NULL)
        return;
    memcpy(p, f->p, f->len);
    pk_put32(p + PK_LEN_WORD, (uint32_t)e->asked_xid);
}

void pk_relay_ping(struct pk_conns *conns, struct pk_client *c, const struct pk_frame *f)
{
    conns->stats->requests_relayed++;
    if (send_frame(conns, &c->up, pk_uplink_out(conns, &c->up, PK_ON_NOTHING), f)) {
        pk_awaited_ping(&c->up.awaited, false);
        note_outstanding(conns, &c->up);
    }
}

struct pk_entry *pk_send_internal_body(struct pk_conns *conns, struct pk_uplink *u, enum pk_answer answer,
                                       int32_t op, size_t len, void *owner, uint8_t **body)
{
    struct pk_entry *e = pk_entry_new(conns, u, answer, internal_xid(conns), op, (struct pk_bytes){NULL, 0});
    if (e == NULL)
        return NULL;
    struct pk_out *out = await(conns, u, e, internal_depends(answer, op));
    uint8_t *p = uplink_room(conns, u, out, PK_LEN_WORD + PK_REQUEST_HEADER + len);
    if (p == NULL) {
        pk_entry_free(conns, NULL, e);
        return NULL;
    }
    e->owner = owner;
    *body = pk_put_request(p, len, e->asked_xid, op);
    conns->stats->swallowed++;
    return e;
}

/* Body of exists, getData, getChildren, getACL and sync. */
static bool has_watch_byte(int32_t op)
{
    const struct pk_opcode *info = pk_opcode(op);
    return info != NULL && info->record == PK_REC_PATH_WATCH;
}

struct pk_entry *pk_send_internal(struct pk_conns *conns, struct pk_uplink *u, enum pk_answer answer,
                                  int32_t op, struct pk_bytes path, void *owner)
{
    bool watch = has_watch_byte(op);
    uint8_t *p;
    struct pk_entry *e = pk_send_internal_body(conns, u, answer, op, pk_bytes_len(path) + watch, owner, &p);
    if (e == NULL)
        return NULL;
    p = pk_put_bytes(p, path);
    if (watch)
        pk_put_bool(p, false);
    return e;
}

void pk_send_ping(struct pk_conns *conns, struct pk_uplink *u)
{
    uint8_t *p =
        uplink_room(conns, u, pk_uplink_out(conns, u, PK_ON_NOTHING), PK_LEN_WORD + PK_REQUEST_HEADER);
    if (p == NULL)
        return;
    pk_put_request(p, 0, PK_XID_PING, PK_OP_PING);
    pk_awaited_ping(&u->awaited, true);
    note_outstanding(conns, u);
    conns->stats->swallowed++;
}

void pk_send_again(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e)
{
    struct pk_bytes path = pk_entry_path(e);
    bool watch = has_watch_byte(e->op);
    size_t len = pk_bytes_len(path) + watch;
    if (e->state == PK_ENTRY_LOCAL)
        c->queue.locals--;
    struct pk_out *out = await(conns, &c->up, e, PK_ON_ORDER);
    uint8_t *p = uplink_room(conns, &c->up, out, PK_LEN_WORD + PK_REQUEST_HEADER + len);
    if (p == NULL)
        return;
    p = pk_put_bytes(pk_put_request(p, len, e->asked_xid, e->op), path);
    if (watch)
        pk_put_bool(p, e->watch);
}

uint8_t *pk_send_again_room(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e, int32_t op,
                            size_t len)
{
    struct pk_out *out = await(conns, &c->up, e, PK_ON_ORDER);
    uint8_t *p = uplink_room(conns, &c->up, out, PK_LEN_WORD + PK_REQUEST_HEADER + len);
    return p != NULL ? pk_put_request(p, len, e->xid, op) : NULL;
}

void pk_send_frame_again(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e)
{
    const struct pk_frame f = {e->request->bytes, e->request->len, false};
    send_frame(conns, &c->up, await(conns, &c->up, e, PK_ON_ORDER), &f);
}

void pk_catch_up(struct pk_conns *conns, struct pk_uplink *u, struct pk_bytes path, int64_t zxid)
{
    if (zxid > u->zxid && u->state == PK_UPLINK_UP)
        (void)!pk_send_internal(conns, u, PK_ANSWER_DROP, PK_OP_SYNC, path, NULL);
}

uint8_t *pk_client_room(struct pk_conns *conns, struct pk_client *c, enum pk_depends on, size_t len)
{
    if (c->up.ending)
        return NULL;
    if (c->state == PK_CLIENT_GONE)
        pk_client_out_drop(conns, c);
    uint8_t *p = pk_out_room(&conns->out, pk_client_out(conns, c, on), len);
    pk_work(conns, len / PK_WORK_BYTES);
    if (p == NULL)
        pk_conn_close(conns, &c->up, PK_CLOSE_NO_MEMORY);
    pk_conn_changed(conns, &c->up);
    return p;
}

void pk_client_lift_zxid(const struct pk_client *c, uint8_t *p)
{
    struct pk_reply r;
    pk_reply_load(&r, p + PK_LEN_WORD);
    if (r.zxid > 0 && r.zxid < c->emitted_zxid)
        pk_put_long(p + PK_LEN_WORD + 4, c->emitted_zxid);
}
