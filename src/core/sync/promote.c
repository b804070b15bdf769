/*
 * Promotion.
 *
 * Happy path: create a batch, replay its counters, next batch; then the request is judged again.
 * Failure modes: a znode that the ensemble refuses stays local and the request is answered with that error; one that
 * the ensemble has already is given up in its favour; a missing parent is created again, once; a lost uplink leaves the
 * batch local and uncertain, and the next promotion of it replaces what it finds.
 */
#include "core/sync/promote.h"

#include "core/sync/replay.h"
#include "proto/multi.h"

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

/* What was being promoted is local again. */
static void stays_local(struct pk_sync *sync, struct pk_znode *z)
{
    (void)!change(sync, z, PK_CHANGE_UNPROMOTED, 0); /* cannot fail */
    wake(sync, z);
}

static void end(struct pk_sync *sync, struct pk_uplink *u)
{
    struct pk_promotion *s = u->promotion;
    u->promotion = NULL;
    sync->promotions--;
    if (u->client != NULL)
        u->client->refusal = s->error;
    for (uint32_t i = 0; i < s->what.pairs.n; i++) {
        struct pk_znode *z = s->what.pairs.v[i];
        z->replaying_pairs = false;
        wake(sync, z);
        pk_store_tidy(sync->store, z);
    }
    pk_plan_free(sync->store, &s->what);
    pk_wake_all(sync->conns, &s->waiters);
    pk_free(sync->mem, s);
}

static void send_pairs(struct pk_sync *sync, struct pk_uplink *u, const struct pk_znode *parent,
                       int32_t pairs)
{
    struct pk_multi_op make = pk_replay_pair(parent, true), drop = pk_replay_pair(parent, false);
    size_t len = PK_MULTI_HEADER + (size_t)pairs * (pk_multi_op_len(&make) + pk_multi_op_len(&drop));
    uint8_t *p;
    if (pk_send_internal_body(sync->conns, u, PK_ANSWER_PROMOTION, PK_OP_MULTI, len, u->promotion, &p) ==
        NULL)
        return;
    for (int32_t i = 0; i < pairs; i++)
        p = pk_multi_op_put(pk_multi_op_put(p, &make), &drop);
    pk_put_multi(p, -1, true, -1);
}

/* Pairs for the next upstream parent; false when every parent has had its own. */
static bool next_pairs(struct pk_sync *sync, struct pk_uplink *u)
{
    struct pk_promotion *s = u->promotion;
    s->step = PK_PROMOTION_PAIRS;
    for (; s->at < s->what.pairs.n; s->at++) {
        const struct pk_znode *z = s->what.pairs.v[s->at];
        if (pk_znode_held(z) || z->held.cversion <= 0)
            continue;
        s->done = z->held.cversion < PK_MULTI_OPS / 2 ? z->held.cversion : PK_MULTI_OPS / 2;
        send_pairs(sync, u, z, s->done);
        return true;
    }
    return false;
}

/* Sends the creates of the next batch; returns how many znodes it holds, 0 when the connection is to end. */
static uint32_t send_creates(struct pk_sync *sync, struct pk_uplink *u)
{
    struct pk_promotion *s = u->promotion;
    size_t len = PK_MULTI_HEADER, most = pk_multi_room(&sync->conns->limits);
    uint32_t n = 0;
    struct pk_znode *const *v = s->what.promote.v + s->next;
    for (; s->next + n < s->what.promote.n && n < PK_MULTI_OPS; n++) {
        struct pk_multi_op create = pk_replay_create(v[n]), del = pk_replay_delete(v[n]);
        size_t more = pk_multi_op_len(&create) + (v[n]->replace ? pk_multi_op_len(&del) : 0);
        if (n > 0 && len + more > most)
            break;
        len += more;
    }
    uint8_t *p;
    if (pk_send_internal_body(sync->conns, u, PK_ANSWER_PROMOTION, PK_OP_MULTI, len, s, &p) == NULL)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        struct pk_multi_op create = pk_replay_create(v[i]), del = pk_replay_delete(v[i]);
        if (v[i]->replace)
            p = pk_multi_op_put(p, &del);
        p = pk_multi_op_put(p, &create);
    }
    pk_put_multi(p, -1, true, -1);
    return n;
}

static void next_batch(struct pk_sync *sync, struct pk_uplink *u)
{
    struct pk_promotion *s = u->promotion;
    s->at = 0;
    s->done = 0;
    if (s->next == s->what.promote.n) {
        if (!next_pairs(sync, u))
            end(sync, u);
        return;
    }
    s->step = PK_PROMOTION_CREATING;
    s->batch = send_creates(sync, u);
}

enum pk_err pk_promote_begin(struct pk_sync *sync, struct pk_uplink *u, struct pk_plan *plan)
{
    struct pk_promotion *s = pk_zalloc(sync->mem, sizeof *s);
    if (s == NULL)
        return PK_ENOMEM;
    s->what = *plan;
    *plan = (struct pk_plan){0};
    pk_list_init(&s->waiters);
    u->promotion = s;
    sync->promotions++;
    for (uint32_t i = 0; i < s->what.promote.n; i++)
        (void)!change(sync, s->what.promote.v[i], PK_CHANGE_PROMOTING, 0); /* cannot fail */
    for (uint32_t i = 0; i < s->what.pairs.n; i++)
        s->what.pairs.v[i]->replaying_pairs = true;
    sync->store->invalidations++;
    next_batch(sync, u);
    return PK_OK;
}

/* Takes the at-th out of the list. */
static void leave_out(struct pk_promotion *s, uint32_t at)
{
    struct pk_znodes *list = &s->what.promote;
    for (uint32_t i = at; i + 1 < list->n; i++)
        list->v[i] = list->v[i + 1];
    list->n--;
}

static void finish_batch(struct pk_sync *sync, struct pk_uplink *u, int64_t zxid)
{
    struct pk_promotion *s = u->promotion;
    for (; s->batch > 0; s->batch--, s->next++) {
        struct pk_znode *z = s->what.promote.v[s->next];
        if (z->held.version > PK_REPLAY_MAX)
            pk_conns_log(sync->conns, PK_LOG_EVENT_COUNTERS_CUT, u, pk_store_path(sync->store, z),
                         z->held.version);
        if (change(sync, z, PK_CHANGE_PROMOTED, zxid) != PK_OK) {
            pk_conn_close(sync->conns, u, PK_CLOSE_NO_MEMORY);
            return;
        }
        wake(sync, z);
    }
    next_batch(sync, u);
}

/* How many operations the next multi of the replay has, and their bytes. */
static uint32_t measure_replay(const struct pk_sync *sync, const struct pk_promotion *s, size_t *len)
{
    struct pk_znode *const *v = s->what.promote.v + s->next;
    uint32_t ops = 0, at = s->at;
    int32_t done = s->done;
    *len = PK_MULTI_HEADER;
    while (at < s->batch) {
        if (done == pk_replay_steps(v[at])) {
            at++;
            done = 0;
            continue;
        }
        struct pk_multi_op o = pk_replay_step(v[at], done);
        if (ops > 0 &&
            (ops == PK_MULTI_OPS || *len + pk_multi_op_len(&o) > pk_multi_room(&sync->conns->limits)))
            break;
        *len += pk_multi_op_len(&o);
        ops++;
        done++;
    }
    return ops;
}

/* Sends the next steps of the batch; false when there was none left (nothing is sent). */
static bool send_replay(struct pk_sync *sync, struct pk_uplink *u)
{
    struct pk_promotion *s = u->promotion;
    struct pk_znode *const *v = s->what.promote.v + s->next;
    size_t len;
    uint32_t ops = measure_replay(sync, s, &len);
    uint8_t *p;
    if (ops == 0)
        return false;
    if (pk_send_internal_body(sync->conns, u, PK_ANSWER_PROMOTION, PK_OP_MULTI, len, s, &p) == NULL)
        return true;
    while (ops > 0) {
        if (s->done == pk_replay_steps(v[s->at])) {
            s->at++;
            s->done = 0;
            continue;
        }
        struct pk_multi_op o = pk_replay_step(v[s->at], s->done++);
        p = pk_multi_op_put(p, &o);
        ops--;
    }
    pk_put_multi(p, -1, true, -1);
    return true;
}

static void created(struct pk_sync *sync, struct pk_uplink *u, int64_t zxid)
{
    struct pk_promotion *s = u->promotion;
    for (uint32_t i = 0; i < s->batch; i++)
        (void)!change(sync, s->what.promote.v[s->next + i], PK_CHANGE_REPLAYING, zxid); /* cannot fail */
    s->step = PK_PROMOTION_REPLAYING;
    if (!send_replay(sync, u))
        finish_batch(sync, u, zxid);
}

static bool is_below(const struct pk_znode *z, const struct pk_znode *top)
{
    while (z != NULL && z != top)
        z = z->parent;
    return z == top;
}

/* The ensemble refuses v[at]: it and what is below it stay local. */
static void refuse(struct pk_sync *sync, struct pk_uplink *u, uint32_t at, int32_t code)
{
    struct pk_promotion *s = u->promotion;
    struct pk_znodes *list = &s->what.promote;
    const struct pk_znode *top = list->v[at];
    pk_conns_log(sync->conns, PK_LOG_EVENT_PROMOTE_FAILED, u, pk_store_path(sync->store, top), code);
    sync->stats->promote_failures++;
    if (s->error == 0)
        s->error = code;
    uint32_t kept = s->next;
    for (uint32_t i = s->next; i < list->n; i++) {
        struct pk_znode *z = list->v[i];
        if (!is_below(z, top)) {
            list->v[kept++] = z;
            continue;
        }
        stays_local(sync, z);
        z->refused = u->client == NULL;
    }
    list->n = kept;
}

void pk_promote_lost(struct pk_sync *sync, struct pk_uplink *u, struct pk_znode *z)
{
    pk_conns_log(sync->conns, PK_LOG_EVENT_FOREIGN_CREATE, u, pk_store_path(sync->store, z), 0);
    sync->stats->foreign_creates++;
    (void)!change(sync, z, PK_CHANGE_LOST, 0); /* cannot fail */
    wake(sync, z);
    pk_store_tidy(sync->store, z);
}

/* The ensemble has v[at] already, or what is there cannot be replaced. */
static void give_up(struct pk_sync *sync, struct pk_uplink *u, uint32_t at)
{
    struct pk_znode *z = u->promotion->what.promote.v[at];
    leave_out(u->promotion, at);
    pk_promote_lost(sync, u, z);
}

/* The index within the list of the create that a multi's index means: a replaced znode has a delete before it. */
static uint32_t index_of(const struct pk_promotion *s, uint32_t op)
{
    uint32_t at = 0;
    for (uint32_t ops = 0; at < s->batch; at++) {
        ops += s->what.promote.v[s->next + at]->replace ? 2 : 1;
        if (op < ops)
            break;
    }
    return s->next + at;
}

/* What to do about v[at], for which the ensemble answered with code, before the rest is tried again. */
static void one_refused(struct pk_sync *sync, struct pk_uplink *u, uint32_t at, int32_t code)
{
    struct pk_promotion *s = u->promotion;
    at = at < s->what.promote.n ? at : s->what.promote.n - 1;
    struct pk_znode *z = s->what.promote.v[at];
    if (z->replace && code == PK_Z_NO_NODE) {
        z->replace = z->uncertain = false;
    } else if (z->replace) {
        give_up(sync, u, at);
    } else if (code == PK_Z_NODE_EXISTS && z->uncertain) {
        z->replace = true;
    } else if (code == PK_Z_NODE_EXISTS) {
        give_up(sync, u, at);
    } else if (code == PK_Z_NO_NODE && !s->parents_made && !pk_znode_held(z->parent)) {
        s->parents_made = true;
        pk_send_ancestors(sync->conns, u, pk_store_path(sync->store, z->parent));
    } else {
        refuse(sync, u, at, code);
    }
}

static void create_failed(struct pk_sync *sync, struct pk_uplink *u, const struct pk_reply *r,
                          struct pk_bytes body)
{
    struct pk_promotion *s = u->promotion;
    uint32_t op;
    int32_t code = r->err;
    if (r->err == PK_Z_OK && pk_multi_first_error(body, &op, &code)) {
        one_refused(sync, u, index_of(s, op), code);
    } else {
        while (s->next < s->what.promote.n)
            refuse(sync, u, s->next, r->err != PK_Z_OK ? r->err : PK_Z_RUNTIME_INCONSISTENCY);
    }
    next_batch(sync, u);
}

/* Pairs that were refused stay owed: the parent's Stat goes on being patched, only its sequence lags. */
static void pairs_answered(struct pk_sync *sync, struct pk_uplink *u, const struct pk_reply *r,
                           struct pk_bytes body)
{
    struct pk_promotion *s = u->promotion;
    struct pk_znode *z = s->what.pairs.v[s->at];
    struct pk_change replayed = {.kind = PK_CHANGE_PAIRS_REPLAYED,
                                 .znode = z,
                                 .pairs = s->done,
                                 .zxid = r->zxid,
                                 .now_us = sync->conns->now_us};
    uint32_t op;
    int32_t code = r->err;
    if (pk_multi_succeeded(r, body)) {
        (void)!pk_store_apply(sync->store, &replayed); /* cannot fail */
    } else if (pk_multi_first_error(body, &op, &code) && code == PK_Z_NO_NODE) {
        (void)!change(sync, z, PK_CHANGE_PAIRS_VOID, 0); /* cannot fail */
    } else {
        z->refused = u->client == NULL;
        s->at++;
    }
    s->done = 0;
    if (!next_pairs(sync, u))
        end(sync, u);
}

void pk_promote_answer(struct pk_sync *sync, struct pk_uplink *u, const struct pk_reply *r,
                       struct pk_bytes body)
{
    struct pk_promotion *s = u->promotion;
    if (u->ending)
        return; /* what follows would be sent nowhere: the end of the step drops the promotion */
    if (u->client == NULL && r->err != PK_Z_OK) { /* about the session: another one tries again */
        pk_conn_close(sync->conns, u, PK_CLOSE_SERVICE_REFUSED);
        return;
    }
    switch (s->step) {
    case PK_PROMOTION_CREATING:
        if (pk_multi_succeeded(r, body))
            created(sync, u, r->zxid);
        else
            create_failed(sync, u, r, body);
        break;
    case PK_PROMOTION_REPLAYING:
        if (!send_replay(sync, u))
            finish_batch(sync, u, r->zxid);
        break;
    case PK_PROMOTION_PAIRS:
        pairs_answered(sync, u, r, body);
        break;
    }
}

void pk_promote_drop(struct pk_sync *sync, struct pk_uplink *u)
{
    struct pk_promotion *s = u->promotion;
    if (s == NULL)
        return;
    for (uint32_t i = s->next; i < s->what.promote.n; i++) {
        struct pk_znode *z = s->what.promote.v[i];
        z->uncertain = z->uncertain || i < s->next + s->batch;
        stays_local(sync, z);
    }
    end(sync, u);
}
