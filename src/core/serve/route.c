/*
 * Judging a request (design.md 5).
 *
 * Happy path: a beat's exists and setData are executed from the read buffer; a request outside all mounts is relayed
 * from there. One that only waits for its turn is left where it is and judged again from the start, so that no
 * half-made decision survives a change of the world; one for which something has been begun is pending (pending.h).
 * Failure modes: a body that does not decode is relayed, the ensemble says what is wrong with it.
 */
#include "core/serve/route.h"

#include "core/conn/hold.h"
#include "core/serve/count.h"
#include "core/serve/deny.h"
#include "core/serve/local.h"
#include "core/serve/multi_read.h"
#include "core/serve/relayed.h"
#include "core/serve/reply.h"
#include "core/serve/token.h"
#include "core/serve/watch_parts.h"
#include "core/serve/watching.h"
#include "core/store/watch.h"
#include "core/sync/flush.h"
#include "core/sync/identify.h"
#include "core/sync/keepalive.h"
#include "core/sync/precheck.h"
#include "core/sync/promote.h"
#include "core/sync/replay.h"
#include "proto/ensemble_config.h"
#include "proto/path.h"

static const struct pk_bytes no_path = {NULL, 0};

/* Memory, which has looked at its path, has answered it. */
static enum pk_decision answered(struct pk_judged *j)
{
    pk_tally_answer(&j->t.mount->tally, j->req->op, PK_OUTCOME_MEMORY);
    pk_keepalive(j->sync, j->c);
    pk_pending_drop(j->sync, j->c);
    return PK_TAKEN;
}

static void look_up(struct pk_judged *j)
{
    j->t = pk_local_target(j->sync, j->c, j->req->path);
    j->looked = true;
}

static enum pk_decision relay_part(struct pk_judged *j)
{
    enum pk_decision decision = pk_relay_unusual(j, pk_watch_part_answer(j->c), no_path);
    if (decision == PK_TAKEN)
        pk_watch_part_relayed(j->c);
    return decision;
}

static enum pk_decision route_unusual(struct pk_judged *j)
{
    const struct pk_request *req = j->req;
    if (req->op == PK_OP_MULTI_READ && pk_multi_read_looks(j->sync, req->body))
        return pk_relay_unusual(j, PK_ANSWER_MULTI_READ, req->body);
    if (pk_watch_parts_due(j))
        return pk_watch_parts_begin(j);
    if (pk_watch_part(j->c))
        return relay_part(j);
    bool patched = req->info->route == PK_ROUTE_READ || req->op == PK_OP_SET_ACL;
    struct pk_mount *mount;
    if (patched && pk_store_place(j->sync->store, req->path, &mount) != PK_OUTSIDE)
        return pk_relay_unusual(j, PK_ANSWER_READ, req->path);
    return pk_relay_unusual(j, PK_ANSWER_FORWARD, no_path);
}

/* A read that memory can answer: now when it is its turn, else when it is. */
static enum pk_decision read_locally(struct pk_judged *j, struct pk_znode *z)
{
    struct pk_client *c = j->c;
    const struct pk_request *req = j->req;
    if (!pk_pending_admitted(j))
        return pk_not_now(j);
    if (pk_client_is_head(c)) {
        pk_local_answer(j->sync, c, req->xid, req->op, z);
        return answered(j);
    }
    struct pk_entry *e = pk_entry_new(j->sync->conns, &c->up, PK_ANSWER_READ, req->xid, req->op, req->path);
    if (e != NULL) {
        e->state = PK_ENTRY_LOCAL;
        e->mount = pk_count_number(j);
        c->invalidations_seen = j->sync->store->invalidations;
        pk_entry_queue(j->sync->conns, c, e);
    }
    pk_pending_drop(j->sync, c);
    return PK_TAKEN;
}

static enum pk_decision route_read(struct pk_judged *j)
{
    const struct pk_request *req = j->req;
    look_up(j);
    if (j->t.place == PK_OUTSIDE) {
        bool config = req->op == PK_OP_GET_DATA && pk_bytes_eq(req->path, pk_config_path);
        return pk_relay_request(j, config ? PK_ANSWER_CONFIG : PK_ANSWER_FORWARD, no_path);
    }
    if (req->watch)
        return route_unusual(j);
    struct pk_readable r = pk_local_readable(j->sync, j->c, &j->t, req->path, req->op);
    if (r.yes)
        return read_locally(j, r.znode);
    if (j->t.znode != NULL &&
        j->t.znode->cached == NULL) /* of a cached one the answer is brought up to date */
        pk_catch_up(j->sync->conns, &j->c->up, req->path, pk_znode_told_zxid(j->t.znode));
    return pk_relay_request(j, PK_ANSWER_READ, req->path);
}

static bool counts_anything(const struct pk_store *store, struct pk_bytes path)
{
    for (size_t i = 0; i < store->nmounts; i++) {
        struct pk_bytes mount = store->mounts[i].path;
        if (pk_path_below(mount, path) || pk_bytes_eq(mount, path) || pk_path_below(path, mount))
            return true;
    }
    return false;
}

static enum pk_decision route_count(struct pk_judged *j)
{
    const struct pk_request *req = j->req;
    if (!counts_anything(j->sync->store, req->path))
        return pk_relay_request(j, PK_ANSWER_FORWARD, no_path);
    look_up(j);
    struct pk_readable r = pk_local_readable(j->sync, j->c, &j->t, req->path, req->op);
    if (r.yes)
        return read_locally(j, r.znode);
    pk_catch_up(j->sync->conns, &j->c->up, req->path, pk_znode_told_zxid(j->t.znode));
    return pk_relay_request(j, PK_ANSWER_COUNT, req->path);
}

/* True when a local write may take effect now; else the request waits for what keeps it from that. */
static bool may_write(struct pk_judged *j, struct pk_znode *z, struct pk_znode *parent)
{
    if (pk_znode_busy(z) || pk_znode_busy(parent)) {
        pk_pending_wait_for(j, pk_znode_busy(z) ? z : parent);
        return false;
    }
    return pk_pending_admitted(j) && pk_client_is_head(j->c);
}

/* The request is the ensemble's to decide from now on, whatever memory could say later; counted once. */
static void decided_upstream(struct pk_judged *j, int64_t *counter, enum pk_reason why)
{
    struct pk_pending *p = j->c->pending;
    if (p != NULL && p->upstream)
        return;
    p = pk_pending_enter(j, PK_STAGE_UPSTREAM);
    if (p == NULL)
        return;
    p->upstream = true;
    p->why = (uint8_t)why;
    ++*counter;
}

static bool is_upstream(const struct pk_judged *j)
{
    return j->c->pending != NULL && j->c->pending->upstream;
}

static enum pk_decision refresh(struct pk_judged *j)
{
    if (!may_write(j, j->t.znode, NULL))
        return pk_not_now(j);
    pk_local_set(j->sync, j->c, j->req, j->t.znode);
    return answered(j);
}

static enum pk_decision route_set(struct pk_judged *j)
{
    const struct pk_request *req = j->req;
    look_up(j);
    struct pk_znode *z = j->t.znode;
    if (j->t.place == PK_OUTSIDE)
        return pk_relay_request(j, PK_ANSWER_FORWARD, no_path);
    if (z != NULL && z->cached != NULL && !j->c->up.read_only &&
        pk_cached_absorbs(j->sync, j->c, z, req->data.len))
        return refresh(j);
    if (!pk_znode_held(z) || j->c->up.read_only)
        return pk_relay_unusual(j, PK_ANSWER_READ, req->path);
    if (pk_local_may_grow(j->sync, &j->t, req->data.len))
        return refresh(j);
    decided_upstream(j, &j->sync->stats->bound_size, PK_REASON_BOUND);
    return pk_relay_unusual(j, PK_ANSWER_READ, j->req->path);
}

static enum pk_decision route_delete(struct pk_judged *j)
{
    look_up(j);
    struct pk_znode *z = j->t.znode;
    if (j->t.place == PK_OUTSIDE)
        return pk_relay_request(j, PK_ANSWER_FORWARD, no_path);
    if (!pk_znode_held(z) || j->c->up.read_only || pk_local_owes_too_much(j->sync, z->parent))
        return pk_relay_unusual(j, PK_ANSWER_FORWARD, no_path);
    if (!may_write(j, z, z->parent))
        return pk_not_now(j);
    pk_local_delete(j->sync, j->c, j->req, z);
    return answered(j);
}

static bool is_plain_create(const struct pk_judged *j)
{
    return !j->c->up.read_only && j->req->version == PK_CREATE_PERSISTENT && pk_acl_is_open(j->req->acl);
}

static void say_full(struct pk_judged *j)
{
    struct pk_mount *m = j->t.mount;
    if (!m->full_said)
        pk_conns_log(j->sync->conns, PK_LOG_EVENT_MOUNT_FULL, &j->c->up, m->path, (int64_t)m->znodes);
    m->full_said = true;
}

/* Whether the ensemble lets memory create the znode below one of its own: asked first. */
enum checked { ALLOWED, REFUSED, ASKED };

static enum checked check_upstream(struct pk_judged *j)
{
    if (j->c->up.state != PK_UPLINK_UP)
        return ASKED;
    if (j->c->pending == NULL || j->c->pending->precheck == NULL) {
        if (pk_pending_enter(j, PK_STAGE_PRECHECK) != NULL)
            (void)!pk_precheck_begin(j->sync, j->c, j->t.mount, j->req->path); /* else the client is to end */
        return ASKED;
    }
    if (!pk_precheck_done(j->c->pending->precheck) || !pk_client_is_head(j->c))
        return ASKED;
    return pk_precheck_allows(j->c->pending->precheck) ? ALLOWED : REFUSED;
}

static enum pk_decision create_upstream(struct pk_judged *j)
{
    return pk_relay_unusual(j, PK_ANSWER_FORWARD, no_path);
}

static enum pk_decision create_locally(struct pk_judged *j)
{
    struct pk_znode *parent = j->t.parent;
    enum checked checked = ALLOWED;
    if (!pk_znode_held(parent))
        checked = check_upstream(j);
    else if (!may_write(j, NULL, parent))
        checked = ASKED;
    if (checked == ASKED)
        return pk_not_now(j);
    if (checked == REFUSED) {
        decided_upstream(j, &j->sync->stats->prechecks_refused, pk_precheck_reason(j->c->pending->precheck));
        return create_upstream(j);
    }
    pk_local_create(j->sync, j->c, j->req, j->t.mount);
    return answered(j);
}

static enum pk_decision route_create(struct pk_judged *j)
{
    look_up(j);
    if (j->t.place != PK_BELOW || is_upstream(j))
        return create_upstream(j);
    if (pk_znode_held(j->t.znode) && is_plain_create(j)) {
        if (!may_write(j, j->t.znode, NULL))
            return pk_not_now(j);
        pk_reply_header(j->sync->conns, j->c, j->req->xid, PK_Z_NODE_EXISTS);
        return answered(j);
    }
    if (pk_znode_held(j->t.znode) || !is_plain_create(j) || !pk_local_may_create(&j->t, j->req->path) ||
        pk_local_owes_too_much(j->sync, j->t.parent))
        return create_upstream(j);
    if (pk_local_has_room(j->sync, &j->t, j->req->path, j->req->data.len))
        return create_locally(j);
    say_full(j);
    decided_upstream(j, &j->sync->stats->bound_local_creates, PK_REASON_BOUND);
    return create_upstream(j);
}

static enum pk_decision route_ping(struct pk_judged *j)
{
    if (pk_hold_is_held(j->c)) {
        pk_hold_pong(j->sync->conns, j->c);
        return PK_TAKEN;
    }
    if (j->c->up.awaited.npings == PK_PINGS_MAX || j->c->up.state != PK_UPLINK_UP)
        return PK_WAITS;
    pk_tally_answer(&j->sync->store->outside, PK_OP_PING, PK_OUTCOME_RELAYED);
    pk_relay_ping(j->sync->conns, j->c, &j->f);
    return PK_TAKEN;
}

/* As a server answers a type that it does not know, then closes. */
static enum pk_decision route_unsupported(struct pk_judged *j)
{
    if (!pk_client_is_head(j->c))
        return PK_WAITS;
    uint8_t *p = pk_client_room(j->sync->conns, j->c, PK_ON_ORDER, PK_LEN_WORD + PK_REPLY_HEADER);
    if (p != NULL)
        pk_put_reply(p, 0, j->req->xid, -1, PK_Z_UNIMPLEMENTED);
    pk_tally_answer(&j->sync->store->outside, j->req->op, PK_OUTCOME_REFUSED);
    pk_conn_close(j->sync->conns, &j->c->up, PK_CLOSE_UNIMPLEMENTED);
    return PK_TAKEN;
}

/* Credentials: what they prove is known when the ensemble has accepted them. */
static enum pk_decision route_auth(struct pk_judged *j)
{
    const struct pk_request *req = j->req;
    if (j->c->up.state != PK_UPLINK_UP)
        return pk_not_now(j);
    struct pk_entry *e = pk_entry_new(j->sync->conns, &j->c->up, PK_ANSWER_AUTH, req->xid, req->op, no_path);
    if (e != NULL) {
        const size_t head = PK_LEN_WORD + PK_REQUEST_HEADER;
        pk_identify_claim(j->sync, j->c, e, (struct pk_bytes){j->f.p + head, (uint32_t)(j->f.len - head)});
        pk_watching_asked(j->sync->conns, j->c, req);
        pk_relay(j->sync->conns, j->c, e, &j->f);
    }
    return PK_TAKEN;
}

/* A client's last request: what it has not flushed goes first. */
static enum pk_decision route_close(struct pk_judged *j)
{
    if (j->c->up.state != PK_UPLINK_UP || !pk_flush_client(j->sync, j->c))
        return PK_WAITS;
    j->c->up.session_closing = true;
    return pk_relay_request(j, PK_ANSWER_CLOSE, no_path);
}

/* Relayed without a look at memory, but for sync: the client wants to see what others did. */
static enum pk_decision route_relay(struct pk_judged *j)
{
    if (j->c->up.state != PK_UPLINK_UP)
        return pk_not_now(j);
    if (j->req->op == PK_OP_SYNC && !pk_list_empty(&j->c->permits)) {
        if (j->c->queue.locals > 0)
            return PK_WAITS;
        pk_permits_end(j->sync, j->c);
    }
    return pk_relay_request(j, PK_ANSWER_FORWARD, no_path);
}

static enum pk_decision route(struct pk_judged *j)
{
    switch (j->req->info->route) {
    case PK_ROUTE_READ:
        return route_read(j);
    case PK_ROUTE_SET_DATA:
        return route_set(j);
    case PK_ROUTE_CREATE:
        return route_create(j);
    case PK_ROUTE_DELETE:
        return route_delete(j);
    case PK_ROUTE_COUNT:
        return route_count(j);
    case PK_ROUTE_UNUSUAL:
        return route_unusual(j);
    case PK_ROUTE_PING:
        return route_ping(j);
    case PK_ROUTE_REFUSE:
        return route_unsupported(j);
    case PK_ROUTE_CLOSE:
        return route_close(j);
    case PK_ROUTE_AUTH:
        return j->req->op == PK_OP_SASL && j->sync->conns->sasl_ended ? pk_token_route(j) : route_auth(j);
    case PK_ROUTE_RECONFIG:
        return pk_relay_request(j, PK_ANSWER_CONFIG, no_path);
    case PK_ROUTE_RELAY:
        return route_relay(j);
    }
    return route_relay(j);
}

/* What a lane asks, ours or a standby's, its own client was let. */
static bool guarded(const struct pk_sync *sync, const struct pk_client *c)
{
    return sync->store->npolicies > 0 && c->kind != PK_KIND_LANE && !c->judged;
}

/* With policies a request is judged by them first; what cannot be read is not the ensemble's to read either. */
static enum pk_decision route_guarded(struct pk_judged *j, bool well_formed)
{
    struct pk_denial denial = {.err = PK_Z_MARSHALLING_ERROR};
    if (j->req->info == NULL)
        return route_unsupported(j);
    if (!well_formed && j->req->info->route != PK_ROUTE_REFUSE)
        return pk_deny(j, &denial);
    return pk_guard_allows(j->sync->store, &j->c->identities, j->req, &denial) ? route(j)
                                                                               : pk_deny(j, &denial);
}

/* Memory has changed since the local reads of the queue were looked at last. */
static bool still_readable(const struct pk_sync *sync, struct pk_client *c)
{
    for (const struct pk_list *at = c->queue.entries.next; at != &c->queue.entries; at = at->next) {
        const struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, client);
        if (e->state != PK_ENTRY_LOCAL)
            continue;
        struct pk_target t = pk_local_target(sync, c, pk_entry_path(e));
        if (!pk_local_readable(sync, c, &t, pk_entry_path(e), e->op).yes)
            return false;
    }
    c->invalidations_seen = sync->store->invalidations;
    return true;
}

/* A queued local read that memory cannot answer any more (its znode was promoted or deleted meanwhile) is relayed when
 * its turn comes; nothing may be relayed past it, or it would see what was asked for after it. */
static bool local_reads_stand(const struct pk_sync *sync, struct pk_client *c)
{
    return c->queue.locals == 0 || c->invalidations_seen == sync->store->invalidations ||
           still_readable(sync, c);
}

static bool output_full(const struct pk_sync *sync, const struct pk_client *c)
{
    const struct pk_limits *limits = &sync->conns->limits;
    return (c->state != PK_CLIENT_GONE && pk_client_unsent(c) > limits->client_high_water) ||
           pk_uplink_unsent(&c->up) > limits->uplink_high_water || c->queue.depth >= PK_QUEUE_MAX ||
           c->queue.kept_bytes > PK_QUEUE_KEPT_MAX;
}

/* It was seen that the oldest request waits for its turn, and that has not come. */
static bool waits_its_turn(struct pk_client *c)
{
    c->awaits_turn = c->awaits_turn && !pk_client_is_head(c);
    return c->awaits_turn;
}

/* The request that waited is answered with the error that its promotion, or the session, met. */
static enum pk_decision answer_refusal(struct pk_judged *j)
{
    if (!pk_client_is_head(j->c))
        return pk_not_now(j);
    pk_reply_header(j->sync->conns, j->c, j->req->xid, j->c->refusal);
    pk_tally_answer(pk_count_tally(j), j->req->op, PK_OUTCOME_REFUSED);
    j->c->refusal = 0;
    pk_pending_drop(j->sync, j->c);
    return PK_TAKEN;
}

enum pk_decision pk_route_frame(struct pk_sync *sync, struct pk_client *c, const struct pk_frame *f)
{
    struct pk_request req;
    struct pk_judged j = {.sync = sync, .c = c, .req = &req, .f = *f};
    bool well_formed;
    if (c->up.session_closing)
        return PK_TAKEN; /* a server answers nothing behind closeSession */
    if (waits_its_turn(c) || output_full(sync, c) || !local_reads_stand(sync, c))
        return PK_WAITS;
    if (pk_request_decode(f->p + PK_LEN_WORD, f->len - PK_LEN_WORD, &req, &well_formed) != PK_OK) {
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_MALFORMED_REQUEST);
        return PK_TAKEN;
    }
    if (c->refusal != 0)
        return answer_refusal(&j);
    c->last_xid = req.xid;
    c->last_op = req.op;
    if (guarded(sync, c))
        return route_guarded(&j, well_formed);
    if (req.info == NULL || (!well_formed && req.info->route != PK_ROUTE_REFUSE))
        return pk_relay_request(&j, PK_ANSWER_FORWARD, no_path);
    return route(&j);
}

enum pk_decision pk_route_pending(struct pk_sync *sync, struct pk_client *c)
{
    struct pk_pending *p = c->pending;
    struct pk_judged j = {.sync = sync,
                          .c = c,
                          .req = &p->req,
                          .f = {.p = p->frame->bytes, .len = p->frame->len, .borrowed = false}};
    if (pk_waits(&p->wait) || waits_its_turn(c) || output_full(sync, c) || !local_reads_stand(sync, c))
        return PK_BEGUN;
    if (c->refusal != 0)
        return answer_refusal(&j);
    return guarded(sync, c) ? route_guarded(&j, true) : route(&j);
}
