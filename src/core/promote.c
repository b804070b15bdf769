/*
 * Promoting.
 *
 * Happy path: create a batch, replay its counters, next batch; then the request is judged again.
 * Failure modes: a znode that the ensemble refuses stays local and the request is answered with that error;
 * one that the ensemble has already is given up in its favour; a missing parent is created again, once; a
 * lost uplink leaves the batch local and uncertain, and the next promotion of it replaces what it finds.
 */
#include "core/promote.h"

#include "core/cached.h"
#include "core/intent.h"
#include "core/relay.h"
#include "core/replay.h"

static void end(struct core *core, struct pk_conn *c)
{
    struct pk_promotion *s = c->promotion;
    c->promotion = NULL;
    core->promoting--;
    c->refusal = c->own ? 0 : s->error;
    for (uint32_t i = 0; i < s->what.npairs; i++) {
        s->what.settle[i]->replaying_pairs = false;
        pk_store_tidy(&core->store, s->what.settle[i]);
    }
    pk_plan_free(core, &s->what);
    pk_free(core->mem, s);
    pk_core_wake_waiting(core);
    pk_conn_wake(core, c);
}

/* Pairs for the next upstream parent; false when every parent is settled. */
static bool settle_next(struct core *core, struct pk_conn *c, struct pk_promotion *s)
{
    s->step = PK_PROMOTION_PAIRS;
    while (s->at < s->what.npairs) {
        struct pk_znode *z = s->what.settle[s->at];
        if (pk_znode_held(z) || z->cversion <= 0) {
            s->at++;
            continue;
        }
        s->done = z->cversion < PK_MULTI_OPS / 2 ? z->cversion : PK_MULTI_OPS / 2;
        pk_replay_pairs(core, c, z, s->done);
        return true;
    }
    return false;
}

static void next_batch(struct core *core, struct pk_conn *c)
{
    struct pk_promotion *s = c->promotion;
    s->at = 0;
    s->done = 0;
    if (s->next == s->what.n) {
        if (!settle_next(core, c, s))
            end(core, c);
        return;
    }
    s->step = PK_PROMOTION_CREATING;
    uint32_t n = pk_replay_creates(core, c, s);
    if (n == 0)
        return; /* the connection is to end */
    s->batch = n;
    for (uint32_t i = 0; i < n; i++)
        s->what.v[s->next + i]->state = PK_ZNODE_PROMOTING;
}

enum pk_err pk_promotion_begin(struct core *core, struct pk_conn *c, struct pk_plan *what)
{
    struct pk_promotion *s = pk_zalloc(core->mem, sizeof *s);
    if (s == NULL)
        return PK_ENOMEM;
    s->what = *what;
    *what = (struct pk_plan){0};
    c->promotion = s;
    core->promoting++;
    for (uint32_t i = 0; i < s->what.n; i++)
        s->what.v[i]->state = PK_ZNODE_PROMOTING;
    for (uint32_t i = 0; i < s->what.npairs; i++)
        s->what.settle[i]->replaying_pairs = true;
    core->store.losses++;
    next_batch(core, c);
    return PK_OK;
}

/* Takes v[at] out of the list. */
static void leave_out(struct pk_promotion *s, uint32_t at)
{
    for (uint32_t i = at; i + 1 < s->what.n; i++)
        s->what.v[i] = s->what.v[i + 1];
    s->what.n--;
}

static void finish_batch(struct core *core, struct pk_conn *c, int64_t zxid)
{
    struct pk_promotion *s = c->promotion;
    for (uint32_t i = 0; i < s->batch; i++) {
        struct pk_znode *z = s->what.v[s->next + i];
        if (z->version > PK_REPLAY_MAX)
            pk_core_log_event(core, PK_LOG_EVENT_COUNTERS_CUT, c, pk_store_path(&core->store, z), z->version);
        struct pk_change change = {.kind = PK_CHANGE_PROMOTED, .znode = z, .now_us = core->now_us};
        if (pk_store_apply(&core->store, &change) != PK_OK) {
            pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
            return;
        }
        z->mzxid = zxid;
        z->cversion = 0;
        pk_cached_stale(core, z->parent, zxid);
    }
    s->next += s->batch;
    s->batch = 0;
    next_batch(core, c);
}

static void created(struct core *core, struct pk_conn *c, int64_t zxid)
{
    struct pk_promotion *s = c->promotion;
    for (uint32_t i = 0; i < s->batch; i++) {
        s->what.v[s->next + i]->state = PK_ZNODE_REPLAYING;
        s->what.v[s->next + i]->czxid = zxid;
    }
    s->step = PK_PROMOTION_REPLAYING;
    if (!pk_replay_send(core, c, s) && c->promotion == s)
        finish_batch(core, c, zxid);
}

/* The ensemble refuses v[at]: it and what is below it stay local. */
static void refuse(struct core *core, struct pk_conn *c, uint32_t at, int32_t code)
{
    struct pk_promotion *s = c->promotion;
    struct pk_znode *top = s->what.v[at];
    pk_core_log_event(core, PK_LOG_EVENT_PROMOTE_FAILED, c, pk_store_path(&core->store, top), code);
    core->stats.promote_failures++;
    if (s->error == 0)
        s->error = code;
    for (uint32_t i = s->what.n; i-- > s->next;) {
        struct pk_znode *up = s->what.v[i];
        while (up != NULL && up != top)
            up = up->parent;
        if (up != top)
            continue;
        s->what.v[i]->state = PK_ZNODE_LOCAL;
        s->what.v[i]->refused = c->own;
        leave_out(s, i);
    }
}

void pk_promotion_lost(struct core *core, struct pk_conn *c, struct pk_znode *z)
{
    pk_core_log_event(core, PK_LOG_EVENT_FOREIGN_CREATE, c, pk_store_path(&core->store, z), 0);
    core->stats.foreign_creates++;
    pk_cached_stale(core, z->parent, core->stats.newest_zxid + 1);
    struct pk_change change = {.kind = PK_CHANGE_LOST, .znode = z};
    if (pk_store_apply(&core->store, &change) == PK_OK)
        pk_store_tidy(&core->store, z);
}

/* The ensemble has v[at] already, or what is there cannot be replaced. */
static void give_up(struct core *core, struct pk_conn *c, uint32_t at)
{
    struct pk_znode *z = c->promotion->what.v[at];
    leave_out(c->promotion, at);
    pk_promotion_lost(core, c, z);
}

/* The index within the list of the create that a multi's index means: a replaced znode has a delete before
 * it. */
static uint32_t index_of(const struct pk_promotion *s, uint32_t op)
{
    uint32_t at = 0;
    for (uint32_t ops = 0; at < s->batch; at++) {
        ops += s->what.v[s->next + at]->replace ? 2 : 1;
        if (op < ops)
            break;
    }
    return s->next + at;
}

/* What to do about v[at], for which the ensemble answered with code, before the rest is tried again. */
static void one_refused(struct core *core, struct pk_conn *c, uint32_t at, int32_t code)
{
    struct pk_promotion *s = c->promotion;
    struct pk_znode *z = s->what.v[at < s->what.n ? at : s->what.n - 1];
    if (z->replace && code == PK_Z_NO_NODE) {
        z->replace = z->uncertain = false;
    } else if (z->replace) {
        give_up(core, c, at);
    } else if (code == PK_Z_NODE_EXISTS && z->uncertain) {
        z->replace = true;
    } else if (code == PK_Z_NODE_EXISTS) {
        give_up(core, c, at);
    } else if (code == PK_Z_NO_NODE && !s->parents_made && !pk_znode_held(z->parent)) {
        s->parents_made = true;
        pk_send_ancestors(core, c, pk_store_path(&core->store, z->parent));
    } else {
        refuse(core, c, at, code);
    }
}

static void create_failed(struct core *core, struct pk_conn *c, const struct pk_reply *r,
                          struct pk_bytes body)
{
    struct pk_promotion *s = c->promotion;
    uint32_t op;
    int32_t code = r->err;
    if (r->err != PK_Z_OK || !pk_multi_first_error(body, &op, &code)) {
        while (s->next < s->what.n)
            refuse(core, c, s->next, r->err != PK_Z_OK ? r->err : PK_Z_RUNTIME_INCONSISTENCY);
        next_batch(core, c);
        return;
    }
    one_refused(core, c, index_of(s, op), code);
    if (c->promotion == s)
        next_batch(core, c);
}

/* Servers that have not seen this zxid yet still owe these local deletes to their answers. */
static void pairs_replayed(struct core *core, struct pk_znode *z, int32_t pairs, int64_t zxid)
{
    z->cversion = z->cversion > pairs ? z->cversion - pairs : 0;
    if (pk_store_remember(&core->store, z, core->now_us) != PK_OK)
        return;
    z->aux->replayed_pairs = pairs;
    z->aux->replayed_zxid = zxid;
    pk_cached_stale(core, z, zxid);
}

/* Pairs that were refused stay owed: the parent's Stat goes on being patched, only its sequence lags. */
static void settled(struct core *core, struct pk_conn *c, const struct pk_reply *r, struct pk_bytes body)
{
    struct pk_promotion *s = c->promotion;
    struct pk_znode *z = s->what.settle[s->at];
    uint32_t op;
    int32_t code = r->err;
    if (pk_multi_succeeded(r, body))
        pairs_replayed(core, z, s->done, r->zxid);
    else if (pk_multi_first_error(body, &op, &code) && code == PK_Z_NO_NODE)
        z->cversion = 0;
    else
        s->what.settle[s->at++]->refused = c->own;
    s->done = 0;
    if (!settle_next(core, c, s) && c->promotion == s)
        end(core, c);
}

void pk_promotion_answer(struct core *core, struct pk_conn *c, const struct pk_reply *r, struct pk_bytes body)
{
    struct pk_promotion *s = c->promotion;
    if (s == NULL)
        return;
    if (c->own && r->err != PK_Z_OK) { /* about the session: another one tries again */
        pk_conn_close(core, c, PK_CLOSE_SERVICE_REFUSED);
        return;
    }
    switch (s->step) {
    case PK_PROMOTION_CREATING:
        if (pk_multi_succeeded(r, body))
            created(core, c, r->zxid);
        else
            create_failed(core, c, r, body);
        break;
    case PK_PROMOTION_REPLAYING:
        if (!pk_replay_send(core, c, s) && c->promotion == s)
            finish_batch(core, c, r->zxid);
        break;
    case PK_PROMOTION_PAIRS:
        settled(core, c, r, body);
        break;
    }
}

void pk_promotion_drop(struct core *core, struct pk_conn *c)
{
    struct pk_promotion *s = c->promotion;
    if (s == NULL)
        return;
    for (uint32_t i = s->next; i < s->what.n; i++) {
        struct pk_znode *z = s->what.v[i];
        z->uncertain = z->uncertain || i < s->next + s->batch;
        z->state = PK_ZNODE_LOCAL;
    }
    end(core, c);
}
