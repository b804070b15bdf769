/*
 * Sending requests upstream.
 *
 * Happy path: a relayed frame is borrowed from the read buffer and leaves with the turn, one pooled entry
 * waits for its answer. Failure modes: out of memory closes the connection (pk_conn_close), after which the
 * entry is gone.
 */
#include "core/relay.h"

#include <string.h>

#include "core/flush.h"
#include "core/intent.h"

static void note_outstanding(struct core *core, struct pk_conn *c)
{
    if (pk_list_empty(&c->timed)) {
        c->timed_us = core->now_us;
        pk_list_add_tail(&core->outstanding, &c->timed);
    }
}

struct pk_entry *pk_entry_new(struct core *core, struct pk_conn *c, enum pk_answer answer, int32_t xid,
                              int32_t op, struct pk_bytes path)
{
    struct pk_entry *e = pk_pool_get(&core->entries);
    if (e != NULL && path.p != NULL) {
        e->path = pk_blob_new(core->mem, path.p, path.len);
        if (e->path == NULL) {
            pk_pool_put(&core->entries, e);
            e = NULL;
        }
    }
    if (e == NULL) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return NULL;
    }
    pk_list_init(&e->client);
    pk_list_init(&e->uplink);
    e->xid = xid;
    e->op = op;
    e->answer = (uint8_t)answer;
    e->state = PK_ENTRY_AWAITED;
    return e;
}

void pk_entry_free(struct core *core, struct pk_conn *c, struct pk_entry *e)
{
    pk_intents_end(core, c, e, PK_OUTCOME_UNKNOWN, 0);
    if (e->flush != NULL)
        pk_flush_lost(core, e->flush);
    if (!pk_list_empty(&e->client)) {
        c->queue.depth--;
        core->stats.queue_depth--;
        if (e->state == PK_ENTRY_LOCAL)
            c->queue.locals--;
    }
    if (e->parked != NULL) {
        c->queue.nparked--;
        c->queue.parked_bytes -= e->parked->len;
    }
    pk_list_del(&e->client);
    pk_list_del(&e->uplink);
    pk_blob_unref(core->mem, e->path);
    pk_blob_unref(core->mem, e->parked);
    pk_blob_unref(core->mem, e->data);
    pk_pool_put(&core->entries, e);
}

void pk_entry_queue(struct core *core, struct pk_conn *c, struct pk_entry *e)
{
    pk_list_add_tail(&c->queue.client, &e->client);
    c->queue.depth++;
    core->stats.queue_depth++;
    if (e->state == PK_ENTRY_LOCAL)
        c->queue.locals++;
}

static void await(struct core *core, struct pk_conn *c, struct pk_entry *e)
{
    e->state = PK_ENTRY_AWAITED;
    pk_list_add_tail(&c->queue.uplink, &e->uplink);
    note_outstanding(core, c);
}

static bool send_frame(struct core *core, struct pk_conn *c, const struct pk_frame *f)
{
    enum pk_err err = f->borrowed ? pk_out_borrow(&core->out, &c->uplink_out, f->p, f->len)
                                  : pk_out_copy(&core->out, &c->uplink_out, f->p, f->len);
    if (err != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return false;
    }
    c->uplink_wrote_us = core->now_us;
    pk_conn_changed(core, c);
    return true;
}

void pk_relay(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_frame *f)
{
    pk_entry_queue(core, c, e);
    await(core, c, e);
    core->stats.requests_relayed++;
    send_frame(core, c, f);
}

void pk_relay_ping(struct core *core, struct pk_conn *c, const struct pk_frame *f)
{
    core->stats.requests_relayed++;
    if (send_frame(core, c, f)) {
        pk_queue_ping(&c->queue, false);
        note_outstanding(core, c);
    }
}

struct pk_entry *pk_send_internal_body(struct core *core, struct pk_conn *c, enum pk_answer answer,
                                       int32_t op, size_t len, uint8_t **body)
{
    struct pk_entry *e = pk_entry_new(core, c, answer, pk_core_xid(core), op, (struct pk_bytes){NULL, 0});
    if (e == NULL)
        return NULL;
    await(core, c, e);
    uint8_t *p = pk_conn_uplink_room(core, c, PK_LEN_WORD + PK_REQUEST_HEADER + len);
    if (p == NULL)
        return NULL;
    *body = pk_put_request(p, len, e->xid, op);
    core->stats.swallowed++;
    return e;
}

/* Body of exists, getData, getChildren, getACL and sync. */
static bool has_watch_byte(int32_t op)
{
    const struct pk_opcode *info = pk_opcode(op);
    return info != NULL && info->record == PK_REC_PATH_WATCH;
}

struct pk_entry *pk_send_internal(struct core *core, struct pk_conn *c, enum pk_answer answer, int32_t op,
                                  struct pk_bytes path)
{
    bool watch = has_watch_byte(op);
    uint8_t *p;
    struct pk_entry *e = pk_send_internal_body(core, c, answer, op, pk_bytes_len(path) + watch, &p);
    if (e == NULL)
        return NULL;
    p = pk_put_bytes(p, path);
    if (watch)
        pk_put_bool(p, false);
    return e;
}

void pk_send_ping(struct core *core, struct pk_conn *c)
{
    uint8_t *p = pk_conn_uplink_room(core, c, PK_LEN_WORD + PK_REQUEST_HEADER);
    if (p == NULL)
        return;
    pk_put_request(p, 0, PK_XID_PING, PK_OP_PING);
    pk_queue_ping(&c->queue, true);
    note_outstanding(core, c);
    core->stats.swallowed++;
}

void pk_send_again(struct core *core, struct pk_conn *c, struct pk_entry *e)
{
    struct pk_bytes path = {e->path->bytes, e->path->len};
    bool watch = has_watch_byte(e->op);
    size_t len = pk_bytes_len(path) + watch;
    if (e->state == PK_ENTRY_LOCAL)
        c->queue.locals--;
    await(core, c, e);
    uint8_t *p = pk_conn_uplink_room(core, c, PK_LEN_WORD + PK_REQUEST_HEADER + len);
    if (p == NULL)
        return;
    p = pk_put_bytes(pk_put_request(p, len, e->xid, e->op), path);
    if (watch)
        pk_put_bool(p, e->watch);
}

static void send_create(struct core *core, struct pk_conn *c, struct pk_bytes path)
{
    uint8_t *p;
    size_t len = pk_bytes_len(path) + 4 + PK_OPEN_ACL_LEN + 4;
    if (pk_send_internal_body(core, c, PK_ANSWER_DROP, PK_OP_CREATE, len, &p) == NULL)
        return;
    p = pk_put_bytes(pk_put_bytes(p, path), PK_BYTES(""));
    pk_put_int(pk_put_open_acl(p), PK_CREATE_PERSISTENT);
}

void pk_send_ancestors(struct core *core, struct pk_conn *c, struct pk_bytes path)
{
    for (uint32_t end = 1; end <= path.len; end++)
        if (end == path.len || path.p[end] == '/')
            send_create(core, c, (struct pk_bytes){path.p, end});
    pk_core_log_event(core, PK_LOG_EVENT_PARENT_RECREATED, c, path, 0);
}
