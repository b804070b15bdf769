/*
 * What the ensemble decides.
 *
 * Happy path: a request that targets nothing held is relayed at once.
 * Failure modes: what it targets cannot be promoted or flushed: the request is answered with that error, or relayed as
 * things stand after a few attempts.
 */
#include "core/serve/relayed.h"

#include "core/serve/count.h"
#include "core/serve/targets.h"
#include "core/serve/watching.h"
#include "core/sync/flush.h"
#include "core/sync/precheck.h"
#include "core/sync/promote.h"
#include "proto/path.h"

enum { MAX_PROMOTIONS = 4 /* per request, in vain: afterwards it is relayed as things stand */ };

enum pk_decision pk_relay_request(struct pk_judged *j, enum pk_answer answer, struct pk_bytes path)
{
    const struct pk_request *req = j->req;
    if (j->c->up.state != PK_UPLINK_UP)
        return pk_not_now(j);
    struct pk_entry *e = pk_entry_new(j->sync->conns, &j->c->up, answer, req->xid, req->op, path);
    if (e != NULL) {
        e->watch = req->watch;
        e->below = answer == PK_ANSWER_READ || answer == PK_ANSWER_COUNT;
        pk_count_relayed(j, e, e->below ? PK_REASON_UPSTREAM : PK_REASON_UNUSUAL);
        pk_watching_asked(j->sync->conns, j->c, req);
        pk_relay(j->sync->conns, j->c, e, &j->f);
    }
    pk_pending_drop(j->sync, j->c);
    return PK_TAKEN;
}

/* Collects what must be promoted, replayed and flushed first. */
static enum pk_err make_plan(struct pk_judged *j, struct pk_plan *plan, struct pk_alike *alike)
{
    pk_store_walk_begin(j->sync->store);
    enum pk_err err = pk_targets_plan(j->sync->store, j->req, plan, alike);
    pk_work(j->sync->conns, plan->steps + plan->promote.n + plan->pairs.n + plan->cached.n);
    return err;
}

/* The planned znode that is dealt with last. */
static struct pk_znode *last_of(const struct pk_plan *plan)
{
    const struct pk_znodes *list = plan->pairs.n > 0 ? &plan->pairs : &plan->promote;
    return list->v[list->n - 1];
}

/* What is to be done, in znodes and local deletes. */
static int64_t size_of(const struct pk_plan *plan)
{
    int64_t n = plan->promote.n > plan->held ? plan->promote.n : plan->held;
    for (uint32_t i = 0; i < plan->pairs.n; i++)
        n += plan->pairs.v[i]->held.cversion;
    return n;
}

/* Another attempt for a pending request. One on a client's own uplink takes a batch, and there may be many. */
static void count_attempt(struct pk_judged *j, struct pk_pending *p, const struct pk_plan *plan)
{
    int64_t size = size_of(plan);
    if (p->promotions == 0)
        j->sync->stats->requests_promoted++;
    p->promotions = size < p->promotes ? 1 : p->promotions + 1;
    p->promotes = size;
}

static void begin_promotion(struct pk_judged *j, const struct pk_plan *plan)
{
    struct pk_sync *sync = j->sync;
    struct pk_pending *p = pk_pending_enter(j, PK_STAGE_PROMOTE);
    if (p == NULL)
        return;
    count_attempt(j, p, plan);
    p->refusals = sync->promoter.refusals;
    if (pk_promote_want(sync, plan, &p->replayed) != PK_OK) {
        pk_conn_close(sync->conns, &j->c->up, PK_CLOSE_NO_MEMORY);
        return;
    }
    if (!plan->full)
        p->replayed = 0;
    pk_wait_on(&p->wait, &last_of(plan)->tracking->waiters);
    if (p->own || (sync->service.uplink == NULL && sync->service.fails > 0))
        (void)pk_promote_for(sync, &j->c->up, plan); /* else a batch is under way: again when that is over */
}

/* The error with which the ensemble has refused one of these for the pending request; 0 none. */
static int32_t refused(const struct pk_pending *p, const struct pk_znodes *list)
{
    for (uint32_t i = 0; p != NULL && p->stage == PK_STAGE_PROMOTE && i < list->n; i++) {
        const struct pk_tracking *t = list->v[i]->tracking;
        if (t != NULL && (int32_t)(t->refusal_seq - p->refusals) > 0)
            return t->refusal;
    }
    return 0;
}

/* True when nothing of what is planned is (left) to be promoted; else that is begun when its turn has come. */
static bool promoted(struct pk_judged *j, const struct pk_plan *plan)
{
    struct pk_pending *p = j->c->pending;
    if ((plan->promote.n == 0 && plan->pairs.n == 0) || (p != NULL && p->promotions >= MAX_PROMOTIONS))
        return true;
    int32_t code = refused(p, &plan->promote);
    if (code == PK_Z_NO_AUTH && !p->own) {
        p->own = true; /* the client may be let */
    } else if (code != 0) {
        j->c->refusal = code;
        pk_client_wake(j->sync->conns, j->c);
        return false;
    }
    j->c->awaits_turn = !pk_client_is_head(j->c);
    if (pk_pending_admitted(j) && pk_client_is_head(j->c))
        begin_promotion(j, plan);
    return false;
}

/* True when the request may pass cached znodes that the connection was not let flush: its write will be refused as
 * well, its read brought up to date. */
static bool may_pass(const struct pk_request *req)
{
    return req->op == PK_OP_SET_DATA || req->info->route == PK_ROUTE_READ;
}

/* The last of the planned znodes that must be flushed before the request is relayed; NULL: none. */
static struct pk_writeback *last_dirty(const struct pk_judged *j, const struct pk_plan *plan)
{
    for (uint32_t i = plan->cached.n; i-- > 0;) {
        struct pk_writeback *w = pk_writeback_of(plan->cached.v[i]);
        if (pk_writeback_dirty(w) && !(may_pass(j->req) && pk_writeback_refused(w, &j->c->up)))
            return w;
    }
    return NULL;
}

/* True when every cached znode that is planned is clean; they are kept so until the request has been relayed. */
static bool flushed(struct pk_judged *j, const struct pk_plan *plan)
{
    struct pk_writeback *dirty = last_dirty(j, plan);
    if (dirty == NULL)
        return true;
    struct pk_pending *p = pk_pending_enter(j, PK_STAGE_FLUSH);
    if (p == NULL)
        return false;
    if (pk_writeback_hold(j->sync, p, plan->cached.v, plan->cached.n) != PK_OK) {
        pk_conn_close(j->sync->conns, &j->c->up, PK_CLOSE_NO_MEMORY);
        return false;
    }
    if (!p->flushed)
        j->sync->stats->requests_flushed++;
    p->flushed = true;
    pk_wait_on(&p->wait, &dirty->waiters);
    pk_flush_for(j->sync, j->c, p);
    return false;
}

/* A queued local exists of a cached znode must not be overtaken by what may change its answer, or its parent's. */
static bool overtakes(const struct pk_judged *j)
{
    if (j->c->queue.locals == 0 || pk_list_empty(&j->c->permits))
        return false;
    enum pk_route route = j->req->info->route;
    return route == PK_ROUTE_CREATE || route == PK_ROUTE_DELETE || route == PK_ROUTE_SET_DATA ||
           route == PK_ROUTE_UNUSUAL;
}

/* Promotes and flushes what the request targets; true when it may be relayed. */
static bool prepared(struct pk_judged *j, struct pk_alike *alike)
{
    struct pk_plan plan = {0};
    bool ready = false;
    if (overtakes(j))
        return false;
    if (make_plan(j, &plan, alike) != PK_OK)
        pk_conn_close(j->sync->conns, &j->c->up, PK_CLOSE_NO_MEMORY);
    else
        ready = promoted(j, &plan) && flushed(j, &plan);
    pk_plan_free(j->sync->store, &plan);
    return ready;
}

/* A recursive watch above the mounts marks each of them whole. */
static enum pk_err intend_below(struct pk_judged *j, struct pk_entry *e, struct pk_bytes path)
{
    struct pk_store *store = j->sync->store;
    for (size_t i = 0; i < store->nmounts; i++) {
        struct pk_mount *m = &store->mounts[i];
        if (!pk_path_below(m->path, path))
            continue;
        if (m->config.mode != PK_MODE_RELAY && !m->config.absorb_watched)
            pk_conns_log(j->sync->conns, PK_LOG_EVENT_RECURSIVE_WATCH, &j->c->up, path, 0);
        enum pk_err err = pk_intent_add(store, &j->c->watcher, &e->intents, m->root, PK_INTENT_RECURSIVE);
        if (err != PK_OK)
            return err;
    }
    return PK_OK;
}

/* What is known of the targets so far. */
struct aims {
    size_t below;         /* how many are below mounts */
    struct pk_bytes told; /* of those that were promoted the newest, */
    int64_t told_zxid;    /* 0: none was */
};

static void note_zxid(struct aims *aims, int64_t zxid, struct pk_bytes path)
{
    if (zxid <= aims->told_zxid)
        return;
    aims->told_zxid = zxid;
    aims->told = path;
}

/* Who watches what is below a znode is told of nothing that was there before, and who lists it in a multiRead is shown
 * nothing that memory adds. Which promotion was the newest there nobody keeps: the newest of all. */
static void note_below(struct aims *aims, const struct pk_store *store, const struct pk_request_target *t)
{
    bool reads_below =
        (t->scope & (PK_SCOPE_CHILDREN | PK_SCOPE_SUBTREE)) != 0 && (t->intents & PK_INTENT_WRITE) == 0;
    if (reads_below && !pk_list_empty(&store->recent))
        note_zxid(aims, store->recent_zxid, t->path);
}

static enum pk_err intend(struct pk_judged *j, struct pk_entry *e, const struct pk_request_target *target,
                          struct aims *aims)
{
    struct pk_store *store = j->sync->store;
    struct pk_target t = pk_store_target(store, target->path);
    bool recursive = (target->intents & PK_INTENT_RECURSIVE) != 0;
    if (t.znode != NULL)
        note_zxid(aims, pk_znode_told_zxid(t.znode), target->path);
    if (t.znode != NULL || recursive)
        note_below(aims, store, target);
    if (t.place == PK_OUTSIDE)
        return recursive ? intend_below(j, e, target->path) : PK_OK;
    e->below = true;
    if (target->intents == 0)
        return PK_OK;
    bool full;
    size_t nth = aims->below++;
    enum pk_err err =
        pk_intend(store, &j->c->watcher, &e->intents, &t, target->path, target->intents, nth, &full);
    if (full && !t.mount->watches_full_said)
        pk_conns_log(j->sync->conns, PK_LOG_EVENT_WATCHES_FULL, &j->c->up, t.mount->path, 0);
    t.mount->watches_full_said |= full;
    return err;
}

/* The whole mount below which the rest of the targets are alike is marked: that is all there is to intend for them. */
static bool covers(const struct pk_entry *e, const struct pk_alike *alike)
{
    return alike->mount != NULL && e->intents != NULL && e->intents->anywhere &&
           e->intents->znode == alike->mount->root;
}

/* There are more than are tracked one by one, parents of what is created not counted: then none is. */
static bool are_many(const struct pk_alike *alike)
{
    return alike->mount != NULL && alike->seen - alike->from > 2 * PK_INTENT_PATHS;
}

/* Ties the entry to everything that the request may change or watch, and lets the uplink catch up (sync) where it may
 * not have seen a recent promotion of that. */
static enum pk_err intend_all(struct pk_judged *j, struct pk_entry *e, const struct pk_alike *alike)
{
    struct pk_targets targets;
    struct pk_request_target t;
    enum pk_err err = PK_OK;
    struct pk_watch_parts *parts = j->c->parts;
    struct aims aims = {.below = parts != NULL ? parts->below : 0};
    size_t n = 0;
    bool many = are_many(alike);
    pk_targets_begin(&targets, j->req);
    for (; err == PK_OK && !(n > alike->from && covers(e, alike)) && pk_targets_next(&targets, &t); n++) {
        if (many && n == alike->from && aims.below < PK_INTENT_PATHS)
            aims.below = PK_INTENT_PATHS;
        err = intend(j, e, &t, &aims);
    }
    if (parts != NULL)
        parts->below = aims.below;
    if (aims.told_zxid > 0)
        pk_catch_up(j->sync->conns, &j->c->up, aims.told, aims.told_zxid);
    pk_work(j->sync->conns, n * PK_WORK_TARGET);
    return err;
}

/* The data of a setData below a mount, for the cached value that its success may bring. */
static enum pk_err keep_data(struct pk_judged *j, struct pk_entry *e)
{
    if (j->req->op != PK_OP_SET_DATA || j->req->data.p == NULL)
        return PK_OK;
    e->data = pk_blob_new(j->sync->mem, j->req->data.p, j->req->data.len);
    return e->data != NULL ? PK_OK : PK_ENOMEM;
}

enum pk_decision pk_relay_unusual(struct pk_judged *j, enum pk_answer answer, struct pk_bytes path)
{
    struct pk_client *c = j->c;
    enum pk_reason why = pk_count_why(j);
    struct pk_alike alike = {0};
    if (c->up.state != PK_UPLINK_UP || (!c->up.read_only && !prepared(j, &alike)))
        return pk_not_now(j);
    if (c->pending != NULL)
        pk_precheck_drop(j->sync, c);
    struct pk_entry *e = pk_entry_new(j->sync->conns, &c->up, answer, j->req->xid, j->req->op, path);
    if (e == NULL)
        return PK_TAKEN;
    e->watch = j->req->watch;
    if (keep_data(j, e) != PK_OK || intend_all(j, e, &alike) != PK_OK) {
        pk_intents_end(j->sync->store, &c->watcher, &e->intents, false, 0);
        pk_entry_free(j->sync->conns, c, e);
        pk_conn_close(j->sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
        return PK_TAKEN;
    }
    pk_count_relayed(j, e, why);
    pk_watching_asked(j->sync->conns, c, j->req);
    pk_relay(j->sync->conns, c, e, &j->f);
    pk_pending_drop(j->sync, c);
    return PK_TAKEN;
}
