/*
 * Promotion.
 *
 * Happy path: a batch of znodes leaves in one multi; its answer makes them the ensemble's and wakes who waits for them.
 * Failure modes: a znode that the ensemble refuses stays local and the request is answered with that error; one that
 * the ensemble has already is given up in its favour; a missing parent is created again, once. A batch that is never
 * answered stays busy until the ensemble has been asked: ours is what has the data, the ACL and the version that were
 * sent and was created since; anything else is theirs. Nothing of others is deleted.
 */
#include "core/sync/promote.h"

#include "base/check.h"
#include "core/sync/batch.h"
#include "core/sync/parents.h"
#include "core/sync/replay.h"
#include "core/sync/verify.h"
#include "proto/multi.h"

enum { PATIENCE_US = 1000 * 1000, MOST_FAILS = 2 };

static enum pk_err change(struct pk_sync *sync, struct pk_znode *z, enum pk_change_kind kind, int64_t zxid)
{
    struct pk_change c = {.kind = kind, .znode = z, .zxid = zxid, .now_us = sync->conns->now_us};
    return pk_store_apply(sync->store, &c);
}

/* Nobody has to wait for this znode any more. */
static void wake(struct pk_sync *sync, struct pk_znode *z)
{
    if (z->tracking != NULL)
        pk_wake_all(sync->conns, &z->tracking->waiters);
}

void pk_promoter_init(struct pk_sync *sync)
{
    static const char hex[] = "0123456789abcdef", start[] = "/pacekeeper-";
    struct pk_promoter *p = &sync->promoter;
    uint64_t seed = sync->conns->limits.hash_seed;
    pk_list_init(&p->wanted);
    p->ops = PK_BATCH_FIRST;
    p->quick_us = INT64_MAX;
    memcpy(p->dummy, start, sizeof start - 1);
    for (uint32_t i = 0; i < 16; i++)
        p->dummy[sizeof start - 1 + i] = hex[pk_hash(seed, &i, sizeof i) >> 20 & 15];
    _Static_assert(sizeof start - 1 + 16 == PK_DUMMY_LEN, "a dummy's name");
}

void pk_promoter_drop(struct pk_sync *sync)
{
    PK_LIST_EACH(at, tmp, &sync->promoter.wanted)
        pk_list_del(at);
    pk_free(sync->mem, sync->promoter.batch);
    sync->promoter.batch = NULL;
}

static struct pk_znode *wanted_at(struct pk_list *at)
{
    return PK_CONTAINER(at, struct pk_tracking, wanted)->znode;
}

enum pk_err pk_promote_want_one(struct pk_sync *sync, struct pk_znode *z)
{
    struct pk_tracking *t = pk_store_tracking(sync->store, z);
    if (t == NULL)
        return PK_ENOMEM;
    if (pk_list_empty(&t->wanted) && !pk_znode_busy(z) && !z->replaying_pairs)
        pk_list_add_tail(&sync->promoter.wanted, &t->wanted);
    return PK_OK;
}

/* Of what a request may replay the rest is shared out between the znodes that are left. */
static void share_out(struct pk_znode *z, int64_t *budget, uint32_t left)
{
    if (pk_znode_busy(z))
        return;
    z->tracking->replay_share = 0;
    int64_t steps = pk_replay_steps(z), share = *budget / left;
    if (steps > share)
        z->tracking->replay_share = (int32_t)share + 1;
    *budget -= steps < share ? steps : share;
}

enum pk_err pk_promote_want(struct pk_sync *sync, const struct pk_plan *plan, int64_t *replayed)
{
    int64_t budget = PK_REPLAY_ALL - *replayed;
    uint32_t all = plan->full && plan->held > plan->promote.n ? plan->held : plan->promote.n;
    for (uint32_t i = 0; i < plan->promote.n; i++) {
        if (pk_promote_want_one(sync, plan->promote.v[i]) != PK_OK)
            return PK_ENOMEM;
        share_out(plan->promote.v[i], &budget, all - i);
    }
    *replayed = PK_REPLAY_ALL - budget;
    for (uint32_t i = 0; i < plan->pairs.n; i++)
        if (pk_promote_want_one(sync, plan->pairs.v[i]) != PK_OK)
            return PK_ENOMEM;
    return PK_OK;
}

void pk_promote_wake(struct pk_sync *sync)
{
    PK_LIST_EACH(at, tmp, &sync->promoter.wanted)
        wake(sync, wanted_at(at));
}

/* The batch ends; what is in it has been dealt with. */
static void end_batch(struct pk_sync *sync)
{
    struct pk_batch *b = sync->promoter.batch;
    bool clients = b->u != NULL && b->u->client != NULL;
    sync->promoter.batch = NULL;
    sync->store->invalidations++;
    pk_free(sync->mem, b);
    if (clients)
        pk_promote_wake(sync); /* the next batch is theirs to begin */
}

/* Not the ensemble's yet: wanted again, before all others. */
static void put_back(struct pk_sync *sync, struct pk_znode *z)
{
    (void)!change(sync, z, PK_CHANGE_UNPROMOTED, 0); /* cannot fail */
    pk_list_add_head(&sync->promoter.wanted, &z->tracking->wanted);
}

static void put_all_back(struct pk_sync *sync, struct pk_batch *b)
{
    while (b->n > 0)
        put_back(sync, b->v[--b->n]);
}

static void end_pairs(struct pk_sync *sync, struct pk_batch *b)
{
    struct pk_znode *z = b->parent;
    z->replaying_pairs = false;
    wake(sync, z);
    pk_store_tidy(sync->store, z);
}

static bool begin_batch(struct pk_sync *sync, struct pk_uplink *u)
{
    struct pk_promoter *p = &sync->promoter;
    struct pk_batch *b = p->batch = pk_zalloc(sync->mem, sizeof *b);
    if (b == NULL) {
        pk_conn_close(sync->conns, u, PK_CLOSE_NO_MEMORY);
        return true;
    }
    pk_batch_fill(sync, b);
    sync->store->invalidations++;
    if (b->n == 0 && b->parent == NULL) {
        end_batch(sync);
        return false;
    }
    if (pk_batch_send(sync, u, b))
        return true;
    if (b->parent != NULL)
        end_pairs(sync, b);
    put_all_back(sync, b);
    end_batch(sync);
    return true;
}

bool pk_promote_step(struct pk_sync *sync, struct pk_uplink *u)
{
    struct pk_promoter *p = &sync->promoter;
    if (p->batch == NULL)
        return !pk_list_empty(&p->wanted) && begin_batch(sync, u);
    if (p->batch->state != PK_BATCH_LOST)
        return false;
    pk_verify_send(sync, u, p->batch);
    return true;
}

bool pk_promote_for(struct pk_sync *sync, struct pk_uplink *u, const struct pk_plan *plan)
{
    for (uint32_t i = plan->promote.n; i-- > 0;) {
        struct pk_tracking *t = plan->promote.v[i]->tracking;
        if (t == NULL || pk_list_empty(&t->wanted))
            continue;
        pk_list_del(&t->wanted);
        pk_list_add_head(&sync->promoter.wanted, &t->wanted);
    }
    return pk_promote_step(sync, u);
}

static void promoted(struct pk_sync *sync, struct pk_uplink *u, struct pk_znode *z, int64_t zxid)
{
    if (pk_replay_version(z) != z->held.version)
        pk_conns_log(sync->conns, PK_LOG_EVENT_COUNTERS_CUT, u, pk_store_path(sync->store, z),
                     z->held.version);
    z->tracking->replay_share = 0;
    z->tracking->fails = 0;
    (void)!change(sync, z, PK_CHANGE_PROMOTED, zxid); /* its tracking is there: cannot fail */
    wake(sync, z);
}

static bool is_below(const struct pk_znode *z, const struct pk_znode *top)
{
    while (z != NULL && z != top)
        z = z->parent;
    return z == top;
}

/* code 0: requests are relayed as things stand. */
static void refuse_one(struct pk_sync *sync, struct pk_znode *z, int32_t code)
{
    z->refused = true;
    z->tracking->refusal = code;
    z->tracking->refusal_seq = sync->promoter.refusals;
    wake(sync, z);
}

/* A local znode cannot be promoted: it and what is below it stay so, and nobody wants them any more. */
static void refuse(struct pk_sync *sync, struct pk_uplink *u, struct pk_znode *top, int32_t code)
{
    enum pk_log_event_kind kind = top->unfit ? PK_LOG_EVENT_PROMOTE_UNFIT : PK_LOG_EVENT_PROMOTE_FAILED;
    bool others_may = u->client == NULL && code == PK_Z_NO_AUTH && !pk_list_empty(&top->tracking->waiters);
    if (!others_may) {
        pk_conns_log(sync->conns, kind, u, pk_store_path(sync->store, top), code);
        sync->stats->promote_failures++;
    }
    sync->promoter.refusals++;
    PK_LIST_EACH(at, tmp, &sync->promoter.wanted) {
        struct pk_znode *z = wanted_at(at);
        if (!is_below(z, top))
            continue;
        pk_list_del(at);
        refuse_one(sync, z, code);
    }
}

void pk_promote_theirs(struct pk_sync *sync, struct pk_uplink *u, struct pk_znode *z)
{
    pk_conns_log(sync->conns, PK_LOG_EVENT_FOREIGN_CREATE, u, pk_store_path(sync->store, z), 0);
    sync->stats->foreign_creates++;
    if (z->tracking != NULL)
        pk_list_del(&z->tracking->wanted);
    (void)!change(sync, z, PK_CHANGE_LOST, 0); /* cannot fail */
    wake(sync, z);
    pk_store_tidy(sync->store, z);
}

/* The znode of the batch that an operation of its multi is about. */
static struct pk_znode *znode_of(const struct pk_batch *b, uint32_t op, bool *creates)
{
    uint32_t first = 0, i = 0;
    while (i + 1 < b->n && op >= first + (uint32_t)pk_replay_ops(b->v[i]))
        first += (uint32_t)pk_replay_ops(b->v[i++]);
    *creates = op == first;
    return b->v[i];
}

/* One znode of the batch was not taken; all of them are local again. */
static void one_failed(struct pk_sync *sync, struct pk_uplink *u, struct pk_znode *z, bool creates,
                       int32_t code)
{
    bool parent_gone = creates && code == PK_Z_NO_NODE && !pk_znode_held(z->parent);
    if (creates && code == PK_Z_NODE_EXISTS) {
        pk_promote_theirs(sync, u, z);
    } else if (parent_gone && z->tracking->fails == 0) {
        z->tracking->fails++;
        pk_parents_make(sync, u, pk_store_path(sync->store, z->parent));
    } else {
        refuse(sync, u, z, code);
    }
}

static void failed(struct pk_sync *sync, struct pk_uplink *u, struct pk_batch *b, const struct pk_reply *r,
                   struct pk_bytes body)
{
    uint32_t op;
    int32_t code = r->err;
    bool creates = false;
    struct pk_znode *z = NULL;
    if (r->err == PK_Z_OK)
        code = PK_Z_RUNTIME_INCONSISTENCY;
    if (r->err == PK_Z_OK && pk_multi_first_error(body, &op, &code))
        z = znode_of(b, op, &creates);
    if (z != NULL && z->uncertain && creates && code == PK_Z_NODE_EXISTS) {
        /* Perhaps an earlier promotion of ours has been carried out after all: asked about it alone. */
        for (uint32_t i = b->n; i-- > 0;)
            if (b->v[i] != z)
                put_back(sync, b->v[i]);
        b->n = 1;
        b->v[0] = z;
        b->zxid = 0;
        b->state = PK_BATCH_LOST;
        b->u = NULL;
        return;
    }
    uint32_t n = b->n;
    put_all_back(sync, b);
    if (z != NULL)
        one_failed(sync, u, z, creates, code);
    else if (u->client == NULL)
        pk_conn_close(sync->conns, u,
                      PK_CLOSE_SERVICE_REFUSED); /* about the session: another one tries again */
    else
        for (uint32_t i = 0; i < n; i++)
            if (b->v[i]->held.state == PK_ZNODE_LOCAL && !pk_list_empty(&b->v[i]->tracking->wanted))
                refuse(sync, u, b->v[i], code);
    end_batch(sync);
}

/* Pairs that were refused stay owed: the parent's Stat goes on being patched, only its sequence lags. */
static void pairs_answered(struct pk_sync *sync, struct pk_batch *b, const struct pk_reply *r,
                           struct pk_bytes body)
{
    struct pk_znode *z = b->parent;
    struct pk_change replayed = {.kind = PK_CHANGE_PAIRS_REPLAYED,
                                 .znode = z,
                                 .pairs = b->pairs,
                                 .zxid = r->zxid,
                                 .now_us = sync->conns->now_us};
    uint32_t op;
    int32_t code = r->err;
    bool more = false;
    if (pk_multi_succeeded(r, body)) {
        (void)!pk_store_apply(sync->store, &replayed); /* cannot fail */
        more = z->held.cversion > 0;
    } else if (pk_multi_first_error(body, &op, &code) && code == PK_Z_NO_NODE) {
        (void)!change(sync, z, PK_CHANGE_PAIRS_VOID, 0); /* cannot fail */
    } else {
        sync->promoter.refusals++;
        refuse_one(sync, z, code);
    }
    z->replaying_pairs = false;
    if (more)
        pk_list_add_head(&sync->promoter.wanted, &z->tracking->wanted);
    else
        end_pairs(sync, b);
    end_batch(sync);
}

/* What the ensemble has of b->v[b->at] is known. */
static void found(struct pk_sync *sync, struct pk_uplink *u, struct pk_batch *b, enum pk_found what)
{
    struct pk_znode *z = b->v[b->at];
    z->uncertain = true;
    if (what == PK_FOUND_OURS) {
        promoted(sync, u, z, b->czxid);
        return;
    }
    put_back(sync, z);
    if (what == PK_FOUND_THEIRS) {
        pk_promote_theirs(sync, u, z);
        return;
    }
    if (b->broken && b->n == 1 && ++z->tracking->fails >= MOST_FAILS) {
        z->unfit = true;
        refuse(sync, u, z, 0);
    } else if (b->broken && z->tracking->fails == 0) {
        z->tracking->fails = 1;
    }
}

/* Nobody is told of the answers that are still awaited. */
static void disown(struct pk_uplink *u, const struct pk_batch *b)
{
    for (struct pk_list *at = u->awaited.entries.next; at != &u->awaited.entries; at = at->next) {
        struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, uplink);
        if (e->owner != b)
            continue;
        e->answer = PK_ANSWER_DROP;
        e->owner = NULL;
    }
}

static void verified(struct pk_sync *sync, struct pk_uplink *u, struct pk_batch *b, int part,
                     const struct pk_reply *r, struct pk_bytes body)
{
    enum pk_found what = pk_verify_answer(sync, b, part, r, body);
    if (what == PK_FOUND_MORE)
        return;
    if (what == PK_FOUND_UNSURE) {
        disown(u, b); /* it counts as silent: lost after a while, if not with its uplink */
        if (u->client == NULL)
            pk_conn_close(sync->conns, u, PK_CLOSE_SERVICE_REFUSED);
        return;
    }
    found(sync, u, b, what);
    if (++b->at == b->n)
        end_batch(sync);
}

void pk_promote_answer(struct pk_sync *sync, struct pk_uplink *u, int part, const struct pk_reply *r,
                       struct pk_bytes body)
{
    struct pk_batch *b = sync->promoter.batch;
    if (part != 0) {
        verified(sync, u, b, part, r, body);
        return;
    }
    pk_batch_answered(sync, b);
    if (b->parent != NULL) {
        pairs_answered(sync, b, r, body);
    } else if (pk_multi_succeeded(r, body)) {
        for (uint32_t i = 0; i < b->n; i++)
            promoted(sync, u, b->v[i], r->zxid);
        end_batch(sync);
    } else {
        failed(sync, u, b, r, body);
    }
}

void pk_promote_lost(struct pk_sync *sync, bool broken)
{
    struct pk_batch *b = sync->promoter.batch;
    if (b == NULL || b->u == NULL)
        return;
    if (b->parent != NULL) { /* a pair more or less changes no more than a sequence */
        end_pairs(sync, b);
        end_batch(sync);
        return;
    }
    for (uint32_t i = 0; b->state == PK_BATCH_ASKED && i < b->n - b->at; i++)
        b->v[i] = b->v[b->at + i]; /* those that are known are no part of it any more */
    if (b->state == PK_BATCH_ASKED)
        b->n -= b->at;
    b->at = 0;
    b->broken = b->broken || (broken && b->state == PK_BATCH_SENT);
    b->state = PK_BATCH_LOST;
    b->u = NULL;
}

enum pk_err pk_promote_adopt(struct pk_sync *sync, struct pk_znode *z)
{
    struct pk_promoter *p = &sync->promoter;
    if (pk_store_tracking(sync->store, z) == NULL)
        return PK_ENOMEM;
    if (p->batch == NULL) {
        p->batch = pk_zalloc(sync->mem, sizeof *p->batch);
        if (p->batch == NULL)
            return PK_ENOMEM;
        p->batch->state = PK_BATCH_LOST;
    }
    if (p->batch->n == PK_BATCH_ZNODES) { /* more than one process has under way */
        z->uncertain = true;
        return change(sync, z, PK_CHANGE_UNPROMOTED, 0);
    }
    p->batch->v[p->batch->n++] = z;
    return PK_OK;
}

void pk_promote_forget(struct pk_sync *sync)
{
    struct pk_batch *b = sync->promoter.batch;
    if (b != NULL && b->u != NULL)
        disown(b->u, b);
    for (uint32_t i = 0; b != NULL && i < b->n; i++)
        wake(sync, b->v[i]);
    if (b != NULL && b->parent != NULL) {
        b->parent->replaying_pairs = false;
        wake(sync, b->parent);
    }
    pk_promote_wake(sync);
    pk_promoter_drop(sync);
}

void pk_promote_left(struct pk_sync *sync, const struct pk_uplink *u)
{
    const struct pk_batch *b = sync->promoter.batch;
    if (b != NULL && b->u == u)
        pk_promote_lost(sync, false);
}

void pk_promote_tick(struct pk_sync *sync)
{
    struct pk_batch *b = sync->promoter.batch;
    if (b != NULL && b->u != NULL && b->u->client != NULL &&
        sync->conns->now_us - b->since_us > PATIENCE_US) {
        disown(b->u, b);
        pk_promote_lost(sync, false);
    }
    if (sync->service.uplink == NULL && sync->service.fails > 0)
        pk_promote_wake(sync);
}
