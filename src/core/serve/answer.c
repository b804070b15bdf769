/*
 * Answers on their way to the client.
 *
 * Happy path: the answer of the head is forwarded from the read buffer, then local reads behind it are executed.
 * Failure modes: an answer that comes early is parked, within a bound; one that memory or a lagging server makes
 * doubtful is asked again (merge.h) while later ones are parked.
 */
#include "core/serve/answer.h"

#include <string.h>

#include "core/serve/count.h"
#include "core/serve/guard.h"
#include "core/serve/local.h"
#include "core/serve/merge.h"
#include "core/serve/multi_read.h"
#include "core/serve/watching.h"
#include "core/sync/identify.h"
#include "core/sync/internal.h"
#include "core/sync/keepalive.h"
#include "core/sync/parents.h"
#include "core/sync/seen.h"
#include "proto/ensemble_config.h"
#include "proto/path.h"

static void forward(struct pk_sync *sync, struct pk_client *c, enum pk_depends on,
                    const struct pk_answer_frame *a)
{
    const struct pk_frame *f = &a->frame;
    if (c->state == PK_CLIENT_GONE || c->up.ending)
        return;
    if (a->header.zxid > 0 && a->header.zxid < c->emitted_zxid) {
        uint8_t *p = pk_client_room(sync->conns, c, on, f->len);
        if (p == NULL)
            return;
        memcpy(p, f->p, f->len);
        pk_client_lift_zxid(c, p);
        return;
    }
    struct pk_out *out = pk_client_out(sync->conns, c, on);
    enum pk_err err = f->borrowed ? pk_out_borrow(&sync->conns->out, out, f->p, f->len)
                                  : pk_out_copy(&sync->conns->out, out, f->p, f->len);
    if (err != PK_OK)
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
    pk_conn_changed(sync->conns, &c->up);
}

/* Those to auth and SASL packets say nothing of what the client has seen. */
static void note_emitted(struct pk_conns *conns, struct pk_client *c, const struct pk_entry *e,
                         const struct pk_reply *r)
{
    if (e->answer == PK_ANSWER_PART) {
        pk_watching_answered(conns, c, e, r->err);
        return;
    }
    c->sent++;
    if (r->zxid > c->emitted_zxid && e->answer != PK_ANSWER_AUTH)
        c->emitted_zxid = r->zxid;
    if (r->zxid > c->shown_zxid)
        c->shown_zxid = r->zxid;
    pk_watching_answered(conns, c, e, r->err);
}

/* Writes the answer with its client addresses taken out. */
static bool emit_config(struct pk_sync *sync, struct pk_client *c, const struct pk_answer_frame *a)
{
    const size_t head = PK_LEN_WORD + PK_REPLY_HEADER;
    uint8_t *to = pk_alloc(sync->mem, a->frame.len);
    if (to == NULL) {
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
        return true;
    }
    size_t n = pk_config_answer(to, a->body);
    uint8_t *p = n > 0 ? pk_client_room(sync->conns, c, PK_ON_ORDER, head + n) : NULL;
    if (p != NULL) {
        memcpy(p, a->frame.p, head);
        pk_put32(p, (uint32_t)(head + n - PK_LEN_WORD));
        memcpy(p + head, to, n);
    }
    pk_free(sync->mem, to);
    return n > 0;
}

enum emitted { EMITTED, STAYS };

static enum emitted emit_merged(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e,
                                const struct pk_answer_frame *a)
{
    switch (pk_merge(sync, c, e, a)) {
    case PK_MERGE_NOTHING:
        forward(sync, c, pk_answer_depends(e), a);
        pk_count_answer(sync, e, PK_OUTCOME_RELAYED);
        return EMITTED;
    case PK_MERGE_DONE:
        pk_count_answer(sync, e, PK_OUTCOME_MERGED);
        return EMITTED;
    case PK_MERGE_LOCAL:
        pk_count_answer(sync, e, PK_OUTCOME_MERGED);
        if (!pk_local_read(sync, c, e->xid, e->op, pk_entry_path(e)))
            forward(sync, c, pk_answer_depends(e), a);
        return EMITTED;
    case PK_MERGE_LATER:
        return STAYS;
    case PK_MERGE_RECREATE:
        pk_parents_make(sync, &c->up, pk_entry_path(e));
        break;
    case PK_MERGE_AGAIN:
        (void)!pk_send_internal(sync->conns, &c->up, PK_ANSWER_DROP, PK_OP_SYNC, pk_entry_path(e), NULL);
        break;
    }
    sync->stats->retries++;
    e->retried = true;
    pk_send_again(sync->conns, c, e);
    return STAYS;
}

static enum emitted emit_multi_read(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                                    const struct pk_answer_frame *a)
{
    enum pk_multi_read what = pk_multi_read_answer(sync, c, e, a);
    if (what == PK_MULTI_READ_LATER)
        return STAYS;
    if (what == PK_MULTI_READ_FORWARD)
        forward(sync, c, pk_answer_depends(e), a);
    pk_count_answer(sync, e, what == PK_MULTI_READ_FORWARD ? PK_OUTCOME_RELAYED : PK_OUTCOME_MERGED);
    return EMITTED;
}

/* Ends the intents of a request that was answered, or never will be. known: so that its end is known. */
static void end_intents(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e, bool known,
                        bool success, uint8_t watches_stand)
{
    bool may_have_written = (success || !known) && !c->up.read_only;
    for (struct pk_intent *t = may_have_written ? e->intents : NULL; t != NULL; t = t->next)
        pk_seen_written(sync, t->znode, t->kinds, e->op, known);
    pk_intents_end(sync->store, &c->watcher, &e->intents, success, watches_stand);
}

/* Requests whose intents end when their replies leave, not when they arrive. */
static bool resolves_late(const struct pk_entry *e)
{
    return e->op == PK_OP_SET_DATA || e->op == PK_OP_MULTI_READ;
}

/* A relayed setData ends its intent, and makes its znode cached, when its reply leaves: what was read before it must
 * not be brought up to what it wrote. Nothing is absorbed before the answer to a multiRead has left. */
static void resolve_late(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e,
                         const struct pk_answer_frame *a)
{
    if (e->intents == NULL || !resolves_late(e))
        return;
    bool success = a->header.err == PK_Z_OK;
    if (e->op == PK_OP_SET_DATA) {
        struct pk_znode *z = e->intents->znode;
        if (success && a->body.len == PK_STAT_LEN) {
            struct pk_stat st;
            pk_stat_load(&st, a->body.p);
            /* out of memory: goes on relaying */
            (void)!pk_cached_written(sync, c, z, e->data, &st, a->header.zxid);
        }
        if (a->header.err == PK_Z_NO_AUTH)
            pk_cached_denied(sync, c, z);
    }
    end_intents(sync, c, e, true, success, 0);
}

/* An event leaves for the client. Its zxid is as believable as the connection. */
static void note_told(struct pk_conns *conns, struct pk_client *c, const struct pk_answer_frame *a)
{
    struct pk_watcher_event event;
    c->sent++;
    if (a->header.zxid > c->shown_zxid && pk_zxid_plausible(a->header.zxid))
        c->shown_zxid = a->header.zxid;
    if (pk_watcher_event_decode(a->body.p, a->body.len, &event) == PK_OK)
        pk_watching_told(conns, c, &event);
}

/* Emits the answer of the head. STAYS: the entry is still the head. */
static enum emitted emit(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e,
                         const struct pk_answer_frame *a)
{
    resolve_late(sync, c, e, a);
    switch ((enum pk_answer)e->answer) {
    case PK_ANSWER_READ:
    case PK_ANSWER_COUNT:
        if (emit_merged(sync, c, e, a) == STAYS)
            return STAYS;
        break;
    case PK_ANSWER_PART:
        break;
    case PK_ANSWER_EVENT:
        forward(sync, c, pk_answer_depends(e), a);
        break;
    case PK_ANSWER_MULTI_READ:
        if (emit_multi_read(sync, c, e, a) == STAYS)
            return STAYS;
        break;
    case PK_ANSWER_CONFIG:
        pk_count_answer(sync, e, PK_OUTCOME_RELAYED);
        if (a->header.err != PK_Z_OK || !emit_config(sync, c, a))
            forward(sync, c, pk_answer_depends(e), a);
        break;
    default:
        pk_count_answer(sync, e, PK_OUTCOME_RELAYED);
        forward(sync, c, pk_answer_depends(e), a);
        break;
    }
    if (e->answer == PK_ANSWER_EVENT)
        note_told(sync->conns, c, a);
    else
        note_emitted(sync->conns, c, e, &a->header);
    return EMITTED;
}

/* Keeps an answer until its turn comes. How much is bounded: while a client rests, by what one read brings. */
static void park(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e, const struct pk_frame *f)
{
    e->parked = pk_blob_new(sync->mem, f->p, f->len);
    if (e->parked == NULL) {
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
        return;
    }
    e->state = PK_ENTRY_PARKED;
    c->queue.parked_bytes += (uint32_t)f->len;
    if (c->queue.parked_bytes > sync->conns->limits.max_parked && !c->resting)
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_PARKED_TOO_MUCH);
}

static void finish(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e)
{
    bool close = e->answer == PK_ANSWER_CLOSE;
    pk_entry_free(sync->conns, c, e);
    if (close)
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_SESSION_CLOSED);
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

static void resolve(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e, const struct pk_reply *r,
                    struct pk_bytes body)
{
    if (e->intents != NULL && !resolves_late(e))
        end_intents(sync, c, e, true, succeeded(e, r, body), watches_despite(e, r));
}

/* The ensemble has answered an ordinary request: it does not insist on authentication first. */
static void admit(struct pk_sync *sync, struct pk_uplink *u, const struct pk_entry *e,
                  const struct pk_reply *r)
{
    if (u->admitted || e->op == PK_OP_AUTH || e->op == PK_OP_SASL ||
        r->err == PK_Z_SESSION_CLOSED_REQUIRE_SASL_AUTH)
        return;
    u->admitted = true;
    if (u->client != NULL)
        pk_client_wake(sync->conns, u->client);
}

static void arrived(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e,
                    const struct pk_answer_frame *a)
{
    pk_count_time(sync->conns, &c->up, e);
    if (e->resumed)
        pk_hold_replied(sync->conns, c);
    resolve(sync, c, e, &a->header, a->body);
    if (e->answer == PK_ANSWER_AUTH)
        pk_identify_answered(sync, c, e, &a->header, a->body);
    if (pk_tired(sync->conns))
        pk_client_rest(sync->conns, c);
    if (e != pk_queue_head(&c->queue) || c->resting) {
        park(sync, c, e, &a->frame);
        return;
    }
    if (emit(sync, c, e, a) == EMITTED)
        finish(sync, c, e);
    else if (pk_list_empty(&e->uplink))
        park(sync, c, e, &a->frame);
    pk_answers_advance(sync, c);
}

/* The answer, with the xid that the client gave its request; NULL when the client is to end. */
static struct pk_blob *renamed(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                               const struct pk_frame *f)
{
    struct pk_blob *blob = pk_blob_new(sync->mem, f->p, f->len);
    if (blob != NULL)
        pk_put32(blob->bytes + PK_LEN_WORD, (uint32_t)e->xid);
    else
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
    return blob;
}

void pk_answer_arrived(struct pk_sync *sync, struct pk_uplink *u, struct pk_entry *e,
                       const struct pk_answer_frame *a)
{
    struct pk_client *c = u->client;
    pk_list_del(&e->uplink);
    admit(sync, u, e, &a->header);
    if (pk_answer_is_internal(e->answer)) {
        pk_internal_answer(sync, u, e, &a->header, a->body);
        return;
    }
    if (!pk_entry_renamed(e)) {
        arrived(sync, c, e, a);
        return;
    }
    struct pk_blob *blob = renamed(sync, c, e, &a->frame);
    struct pk_answer_frame own =
        blob != NULL ? pk_answer_frame((struct pk_frame){blob->bytes, blob->len, false}) : *a;
    arrived(sync, c, e, &own);
    pk_blob_unref(sync->mem, blob);
}

bool pk_answer_may_pass(const struct pk_sync *sync, const struct pk_uplink *u, const struct pk_entry *e,
                        const struct pk_reply *r)
{
    if (pk_entry_renamed(e) || pk_answer_is_internal(e->answer) || e != pk_queue_head(&u->client->queue) ||
        u->client->resting)
        return false;
    switch ((enum pk_answer)e->answer) {
    case PK_ANSWER_READ:
        return r->err == PK_Z_OK && pk_merge_needless(sync, e);
    case PK_ANSWER_COUNT:
    case PK_ANSWER_CONFIG:
    case PK_ANSWER_MULTI_READ:
    case PK_ANSWER_AUTH:
    case PK_ANSWER_PART:
        return false;
    default:
        return e->op != PK_OP_MULTI || e->intents == NULL;
    }
}

void pk_answer_passes(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e, const struct pk_reply *r)
{
    pk_list_del(&e->uplink);
    admit(sync, &c->up, e, r);
    pk_count_time(sync->conns, &c->up, e);
    pk_count_answer(sync, e, PK_OUTCOME_RELAYED);
    resolve(sync, c, e, r, (struct pk_bytes){NULL, 0});
    note_emitted(sync->conns, c, e, r);
}

void pk_answer_passed(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e)
{
    if (e->intents != NULL) /* of a multiRead: it shows what it shows until its last byte has left */
        end_intents(sync, c, e, true, true, 0);
    finish(sync, c, e);
    pk_answers_advance(sync, c);
}

/* The newest answer that waits although it came in its turn: no event may overtake it. One that came too early waits
 * for answers which an event may have to precede. */
static struct pk_entry *last_parked(const struct pk_queue *q)
{
    for (struct pk_list *at = q->entries.prev; at != &q->entries; at = at->prev) {
        struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, client);
        if (e->state == PK_ENTRY_PARKED && !e->overtook)
            return e;
    }
    return NULL;
}

static void take_event(struct pk_sync *sync, struct pk_client *c, const struct pk_watcher_event *event)
{
    struct pk_target t = pk_store_target(sync->store, event->path);
    pk_seen_event(sync, t.znode, t.parent, event->type);
    if (t.znode == NULL)
        return;
    pk_watches_fired(sync->store, &c->watcher, t.znode, event->type);
    pk_store_tidy(sync->store, t.znode);
}

static bool is_parked(const struct pk_client *c, const struct pk_answer_frame *a)
{
    for (const struct pk_list *at = c->queue.entries.next; at != &c->queue.entries; at = at->next) {
        const struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, client);
        if (e->answer == PK_ANSWER_EVENT && e->parked->len == a->frame.len &&
            memcmp(e->parked->bytes, a->frame.p, a->frame.len) == 0)
            return true;
    }
    return false;
}

/* While watches are set anew on another server, that one may say again what has been said. */
static bool is_double(const struct pk_conns *conns, const struct pk_client *c,
                      const struct pk_watcher_event *event, const struct pk_answer_frame *a)
{
    return c->hold != NULL && c->hold->state == PK_HOLD_CATCHING_UP &&
           (pk_watching_nothing(conns, c, event) || is_parked(c, a));
}

void pk_event_arrived(struct pk_sync *sync, struct pk_client *c, const struct pk_answer_frame *a)
{
    struct pk_watcher_event event;
    sync->stats->events++;
    bool decoded = pk_watcher_event_decode(a->body.p, a->body.len, &event) == PK_OK;
    if (decoded) {
        take_event(sync, c, &event);
        if (is_double(sync->conns, c, &event, a)) {
            sync->stats->held_events++;
            return;
        }
    }
    if (sync->store->npolicies > 0 && !(decoded && pk_guard_tells(sync->store, &c->identities, event.path))) {
        sync->stats->events_withheld++;
        return;
    }
    struct pk_entry *before = last_parked(&c->queue);
    if (before == NULL) {
        forward(sync, c, PK_ON_ORDER, a);
        note_told(sync->conns, c, a);
        return;
    }
    struct pk_bytes no_path = {NULL, 0};
    struct pk_entry *e = pk_entry_new(sync->conns, &c->up, PK_ANSWER_EVENT, PK_XID_NOTIFICATION, 0, no_path);
    if (e == NULL)
        return;
    pk_entry_queue(sync->conns, c, e);
    pk_list_del(&e->client);
    pk_list_add_before(before->client.next, &e->client);
    park(sync, c, e, &a->frame);
}

static bool advance_parked(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e)
{
    if (pk_waits(&c->answer_wait))
        return false;
    struct pk_blob *blob = pk_blob_ref(e->parked);
    struct pk_answer_frame a = pk_answer_frame((struct pk_frame){blob->bytes, blob->len, false});
    enum emitted done = emit(sync, c, e, &a);
    if (done == EMITTED) {
        finish(sync, c, e);
    } else if (!pk_list_empty(&e->uplink)) {
        c->queue.parked_bytes -= blob->len;
        pk_blob_unref(sync->mem, e->parked);
        e->parked = NULL;
    }
    pk_blob_unref(sync->mem, blob);
    return done == EMITTED;
}

static bool advance_local(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e)
{
    if (c->state != PK_CLIENT_GONE && pk_client_unsent(c) > sync->conns->limits.client_high_water)
        return false;
    if (pk_local_read(sync, c, e->xid, e->op, pk_entry_path(e))) {
        pk_count_answer(sync, e, PK_OUTCOME_MEMORY);
        pk_entry_free(sync->conns, c, e);
        pk_keepalive(sync, c);
        return true;
    }
    if (c->up.state != PK_UPLINK_UP)
        return false; /* it is held: relayed when another server has its session */
    e->answer = e->op == PK_OP_GET_ALL_CHILDREN_NUMBER ? PK_ANSWER_COUNT : PK_ANSWER_READ;
    sync->stats->late_relays++;
    sync->stats->requests_relayed++;
    pk_send_again(sync->conns, c, e);
    return false;
}

void pk_answers_advance(struct pk_sync *sync, struct pk_client *c)
{
    bool more = true;
    while (more && !c->up.ending) {
        struct pk_entry *e = pk_queue_head(&c->queue);
        if (e == NULL || e->state == PK_ENTRY_AWAITED)
            break;
        if (pk_tired(sync->conns) || c->resting) {
            pk_client_rest(sync->conns, c);
            return;
        }
        pk_work(sync->conns, PK_WORK_FRAME);
        more = e->state == PK_ENTRY_PARKED ? advance_parked(sync, c, e) : advance_local(sync, c, e);
    }
    if (c->blocked || c->leaving || c->state == PK_CLIENT_GONE || sync->conns->draining)
        pk_client_wake(sync->conns, c);
}

void pk_answer_lost(struct pk_sync *sync, struct pk_uplink *u, struct pk_entry *e)
{
    if (e->intents != NULL)
        end_intents(sync, u->client, e, false, false, 0);
    pk_internal_lost(sync, u, e);
}
