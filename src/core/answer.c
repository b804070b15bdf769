/*
 * Answers on their way to the client.
 *
 * Happy path: the answer of the head is forwarded from the read buffer, then local reads behind it are
 * executed. Failure modes: an answer that comes early is parked, within a bound; one that memory or a lagging
 * server makes doubtful is asked again (merge.h) while later ones are parked.
 */
#include "core/answer.h"

#include "core/config_data.h"
#include "core/flush.h"
#include "core/handover.h"
#include "core/intent.h"
#include "core/keepalive.h"
#include "core/local.h"
#include "core/merge.h"
#include "core/precheck.h"
#include "core/promote.h"

static struct pk_bytes body_of(const struct pk_frame *f)
{
    const size_t head = PK_LEN_WORD + PK_REPLY_HEADER;
    return (struct pk_bytes){f->p + head, (uint32_t)(f->len - head)};
}

static void forward(struct core *core, struct pk_conn *c, const struct pk_frame *f)
{
    if (c->client == PK_CLIENT_GONE || c->ending)
        return;
    struct pk_reply r;
    pk_reply_load(&r, f->p + PK_LEN_WORD);
    if (r.zxid > 0 && r.zxid < c->emitted_zxid) {
        uint8_t *p = pk_conn_client_room(core, c, f->len);
        if (p == NULL)
            return;
        memcpy(p, f->p, f->len);
        pk_conn_lift_zxid(c, p);
        return;
    }
    enum pk_err err = f->borrowed ? pk_out_borrow(&core->out, &c->client_out, f->p, f->len)
                                  : pk_out_copy(&core->out, &c->client_out, f->p, f->len);
    if (err != PK_OK)
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
    pk_conn_changed(core, c);
}

static void note_emitted(struct pk_conn *c, int64_t zxid)
{
    c->sent++;
    if (zxid > c->emitted_zxid)
        c->emitted_zxid = zxid;
}

/* Writes the answer with its client addresses taken out. */
static bool emit_config(struct core *core, struct pk_conn *c, const struct pk_entry *e,
                        const struct pk_frame *f)
{
    const size_t head = PK_LEN_WORD + PK_REPLY_HEADER;
    struct pk_bytes body = body_of(f);
    uint8_t *to = pk_alloc(core->mem, f->len);
    if (to == NULL) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return true;
    }
    size_t n = e->answer == PK_ANSWER_CONFIG
                   ? pk_config_answer(to, body)
                   : pk_config_multi_answer(to, body, (struct pk_bytes){e->path->bytes, e->path->len});
    uint8_t *p = n > 0 ? pk_conn_client_room(core, c, head + n) : NULL;
    if (p != NULL) {
        memcpy(p, f->p, head);
        pk_put32(p, (uint32_t)(head + n - PK_LEN_WORD));
        memcpy(p + head, to, n);
    }
    pk_free(core->mem, to);
    return n > 0;
}

enum emitted { EMITTED, STAYS };

static enum emitted emit_merged(struct core *core, struct pk_conn *c, struct pk_entry *e,
                                const struct pk_frame *f)
{
    struct pk_bytes path = {e->path->bytes, e->path->len};
    switch (pk_merge(core, c, e, f->p, f->len)) {
    case PK_MERGE_NOTHING:
        forward(core, c, f);
        return EMITTED;
    case PK_MERGE_DONE:
        return EMITTED;
    case PK_MERGE_LOCAL:
        if (!pk_local_read(core, c, e->xid, e->op, path))
            forward(core, c, f);
        return EMITTED;
    case PK_MERGE_LATER:
        pk_conn_wait(core, c);
        return STAYS;
    case PK_MERGE_RECREATE:
        pk_send_ancestors(core, c, path);
        break;
    case PK_MERGE_AGAIN:
        (void)!pk_send_internal(core, c, PK_ANSWER_DROP, PK_OP_SYNC, path);
        break;
    }
    core->stats.retries++;
    e->retried = true;
    pk_send_again(core, c, e);
    return STAYS;
}

/* Requests whose intents end when their replies leave, not when they arrive. */
static bool settles_late(const struct pk_entry *e)
{
    return e->op == PK_OP_SET_DATA || e->op == PK_OP_MULTI_READ;
}

/* A relayed setData ends its intent, and cached znodes its znode, when its reply leaves: what was read before it must not be
 * brought up to what it wrote. Nothing is absorbed before the answer to a multiRead has left. */
static void settle_late(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_reply *r,
                        struct pk_bytes body)
{
    enum pk_outcome outcome = r->err == PK_Z_OK ? PK_OUTCOME_OK : PK_OUTCOME_FAILED;
    if (e->intents == NULL || !settles_late(e))
        return;
    if (e->op == PK_OP_MULTI_READ) {
        pk_intents_end(core, c, e, outcome, 0);
        return;
    }
    struct pk_znode *z = e->intents->znode;
    if (r->err == PK_Z_OK && body.len == PK_STAT_LEN) {
        struct pk_stat st;
        pk_stat_load(&st, body.p);
        (void)!pk_cached_permitted(core, c, z, e->data, &st, r->zxid); /* out of memory: goes on relaying */
    }
    if (r->err == PK_Z_NO_AUTH)
        pk_cached_denied(core, c, z);
    pk_intents_end(core, c, e, outcome, 0);
}

/* Emits the answer of the head. STAYS: the entry is still the head (or the connection is closing). */
static enum emitted emit(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_frame *f)
{
    struct pk_reply r;
    pk_reply_load(&r, f->p + PK_LEN_WORD);
    settle_late(core, c, e, &r, body_of(f));
    switch ((enum pk_answer)e->answer) {
    case PK_ANSWER_READ:
    case PK_ANSWER_COUNT:
        if (emit_merged(core, c, e, f) == STAYS)
            return STAYS;
        break;
    case PK_ANSWER_CONFIG:
    case PK_ANSWER_CONFIGS:
        if (r.err != PK_Z_OK || !emit_config(core, c, e, f))
            forward(core, c, f);
        break;
    default:
        forward(core, c, f);
        break;
    }
    note_emitted(c, r.zxid);
    return EMITTED;
}

static void park(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_frame *f)
{
    e->parked = pk_blob_new(core->mem, f->p, f->len);
    if (e->parked == NULL) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return;
    }
    e->state = PK_ENTRY_PARKED;
    c->queue.nparked++;
    c->queue.parked_bytes += f->len;
    if (c->queue.parked_bytes > core->config.max_parked)
        pk_conn_close(core, c, PK_CLOSE_PARKED_TOO_MUCH);
}

static void finish(struct core *core, struct pk_conn *c, struct pk_entry *e)
{
    bool close = e->answer == PK_ANSWER_CLOSE;
    pk_entry_free(core, c, e);
    if (close)
        pk_conn_close(core, c, PK_CLOSE_SESSION_CLOSED);
}

/* The first result of a failed multi is an error; that of a successful one never is. */
static bool succeeded(const struct pk_entry *e, const struct pk_reply *r, struct pk_bytes body)
{
    if (e->op == PK_OP_MULTI)
        return r->err == PK_Z_OK && body.len >= 4 &&
               (body.len <= PK_MULTI_HEADER || pk_load32(body.p) != UINT32_MAX);
    return r->err == PK_Z_OK;
}

/* Watches that stand although the request failed: exists watches a missing znode, and setWatches has registered what
 * comes before the list that it could not read. */
static uint8_t watches_despite(const struct pk_entry *e, const struct pk_reply *r)
{
    if (e->op == PK_OP_SET_WATCHES || e->op == PK_OP_SET_WATCHES2)
        return PK_INTENT_WATCHES;
    return e->op == PK_OP_EXISTS && r->err == PK_Z_NO_NODE ? PK_INTENT_DATA : 0;
}

static void settle(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_reply *r,
                   struct pk_bytes body)
{
    if (e->intents == NULL || settles_late(e))
        return;
    enum pk_outcome outcome = succeeded(e, r, body) ? PK_OUTCOME_OK : PK_OUTCOME_FAILED;
    pk_intents_end(core, c, e, outcome, watches_despite(e, r));
}

static void admitted(struct core *core, struct pk_conn *c, const struct pk_entry *e, const struct pk_reply *r)
{
    if (c->admitted || e->answer == PK_ANSWER_AUTH || r->err == PK_Z_SESSION_CLOSED_REQUIRE_SASL_AUTH)
        return;
    c->admitted = true;
    pk_conn_wake(core, c);
}

static void internal_answer(struct core *core, struct pk_conn *c, struct pk_entry *e,
                            const struct pk_reply *r, struct pk_bytes body)
{
    enum pk_answer answer = (enum pk_answer)e->answer;
    int part = e->part;
    int32_t op = e->op;
    struct pk_flush *flush = e->flush;
    struct pk_blob *path = pk_blob_ref(e->path);
    e->flush = NULL;
    pk_entry_free(core, c, e);
    if (answer == PK_ANSWER_PRECHECK)
        pk_precheck_answer(core, c, part, r, body);
    else if (answer == PK_ANSWER_PROMOTION)
        pk_promotion_answer(core, c, r, body);
    else if (flush != NULL)
        pk_flush_answer(core, c, flush, r, body);
    else if (answer == PK_ANSWER_LOOK)
        pk_handover_looked(core, (struct pk_bytes){path->bytes, path->len}, r);
    else if (answer == PK_ANSWER_LEAVE)
        pk_conn_close(core, c, PK_CLOSE_SESSION_CLOSED);
    if (c->own && op == PK_OP_AUTH && r->err != PK_Z_OK)
        pk_core_log_event(core, PK_LOG_EVENT_SERVICE_AUTH, c, (struct pk_bytes){NULL, 0}, r->err);
    /* It may have been all that one who leaves was waiting for. */
    if (c->client == PK_CLIENT_GONE || core->draining)
        pk_conn_wake(core, c);
    pk_blob_unref(core->mem, path);
    if (r->err == PK_Z_SESSION_CLOSED_REQUIRE_SASL_AUTH) {
        c->refusal = r->err;
        pk_conn_wake(core, c);
    }
}

void pk_answer_arrived(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_frame *f)
{
    struct pk_reply r;
    pk_reply_load(&r, f->p + PK_LEN_WORD);
    struct pk_bytes body = body_of(f);
    pk_list_del(&e->uplink);
    admitted(core, c, e, &r);
    if (e->answer >= PK_ANSWER_DROP) {
        internal_answer(core, c, e, &r, body);
        return;
    }
    settle(core, c, e, &r, body);
    if (e != pk_queue_head(&c->queue)) {
        park(core, c, e, f);
        return;
    }
    if (emit(core, c, e, f) == EMITTED)
        finish(core, c, e);
    else if (pk_list_empty(&e->uplink))
        park(core, c, e, f);
    pk_answers_advance(core, c);
}

bool pk_answer_may_pass(const struct core *core, const struct pk_conn *c, const struct pk_entry *e,
                        const struct pk_reply *r)
{
    if (e->answer >= PK_ANSWER_DROP || e != pk_queue_head(&c->queue))
        return false;
    switch ((enum pk_answer)e->answer) {
    case PK_ANSWER_READ:
        return r->err == PK_Z_OK && pk_merge_needless(core, e);
    case PK_ANSWER_COUNT:
    case PK_ANSWER_CONFIG:
    case PK_ANSWER_CONFIGS:
        return false;
    default:
        return e->op != PK_OP_MULTI || e->intents == NULL;
    }
}

void pk_answer_passes(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_reply *r)
{
    pk_list_del(&e->uplink);
    admitted(core, c, e, r);
    settle(core, c, e, r, (struct pk_bytes){NULL, 0});
    note_emitted(c, r->zxid);
}

void pk_answer_passed(struct core *core, struct pk_conn *c, struct pk_entry *e)
{
    finish(core, c, e);
    pk_answers_advance(core, c);
}

/* The newest answer that waits although it came in its turn: no event may overtake it. One that came too
 * early waits for answers which an event may have to precede. */
static struct pk_entry *last_parked(const struct pk_queue *q)
{
    for (struct pk_list *at = q->client.prev; at != &q->client; at = at->prev) {
        struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, client);
        if (e->state == PK_ENTRY_PARKED && !e->overtook)
            return e;
    }
    return NULL;
}

void pk_event_arrived(struct core *core, struct pk_conn *c, const struct pk_frame *f)
{
    struct pk_watcher_event event;
    struct pk_bytes body = body_of(f);
    core->stats.events++;
    if (pk_watcher_event_decode(body.p, body.len, &event) == PK_OK)
        pk_watches_fired(core, c, &event);
    struct pk_entry *before = last_parked(&c->queue);
    if (before == NULL) {
        forward(core, c, f);
        c->sent++;
        return;
    }
    struct pk_entry *e =
        pk_entry_new(core, c, PK_ANSWER_EVENT, PK_XID_NOTIFICATION, 0, (struct pk_bytes){NULL, 0});
    if (e == NULL)
        return;
    pk_entry_queue(core, c, e);
    pk_list_del(&e->client);
    pk_list_add_before(before->client.next, &e->client);
    park(core, c, e, f);
}

static bool advance_parked(struct core *core, struct pk_conn *c, struct pk_entry *e)
{
    struct pk_blob *blob = pk_blob_ref(e->parked);
    struct pk_frame f = {blob->bytes, blob->len, false};
    enum emitted done = emit(core, c, e, &f);
    if (done == EMITTED) {
        finish(core, c, e);
    } else if (!pk_list_empty(&e->uplink)) {
        c->queue.nparked--;
        c->queue.parked_bytes -= blob->len;
        pk_blob_unref(core->mem, e->parked);
        e->parked = NULL;
    }
    pk_blob_unref(core->mem, blob);
    return done == EMITTED;
}

static bool advance_local(struct core *core, struct pk_conn *c, struct pk_entry *e)
{
    if (c->client != PK_CLIENT_GONE && c->client_out.bytes > core->config.client_high_water)
        return false;
    if (pk_local_read(core, c, e->xid, e->op, (struct pk_bytes){e->path->bytes, e->path->len})) {
        pk_entry_free(core, c, e);
        pk_keepalive(core, c);
        return true;
    }
    e->answer = e->op == PK_OP_GET_ALL_CHILDREN_NUMBER ? PK_ANSWER_COUNT : PK_ANSWER_READ;
    core->stats.late_relays++;
    core->stats.requests_relayed++;
    pk_send_again(core, c, e);
    return false;
}

void pk_answers_advance(struct core *core, struct pk_conn *c)
{
    bool more = true;
    while (more && !c->ending) {
        struct pk_entry *e = pk_queue_head(&c->queue);
        if (e == NULL || e->state == PK_ENTRY_AWAITED)
            break;
        more = e->state == PK_ENTRY_PARKED ? advance_parked(core, c, e) : advance_local(core, c, e);
    }
    if (c->blocked || c->client == PK_CLIENT_GONE || core->draining)
        pk_conn_wake(core, c);
}
