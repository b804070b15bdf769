/*
 * The answers to flushes, and to the questions before them.
 *
 * Happy path: each znode of the multi is clean, at the version that clients have seen.
 * Failure modes: a znode that was written, deleted or protected by others makes its value end, the others are sent
 * again; no answer leaves its values uncertain, and the ensemble is asked before the next attempt; a Stat that our
 * flush cannot have left is somebody else's.
 */
#include "core/sync/flush.h"
#include "core/sync/flush_job.h"
#include "core/sync/permit.h"
#include "core/sync/seen.h"
#include "proto/multi.h"

void pk_flush_job_free(struct pk_sync *sync, struct pk_flush *f)
{
    for (uint32_t i = 0; i < f->n; i++)
        pk_cached_unref(sync->store, &f->v[i].w->cached);
    pk_free(sync->mem, f);
}

static void flushed(struct pk_sync *sync, struct pk_writeback *w, int32_t steps, const struct pk_stat *st,
                    int64_t zxid)
{
    sync->stats->flushes++;
    sync->stats->writes_flushed += steps;
    struct pk_znode *z = w->cached.znode;
    if (z == NULL)
        return;
    const struct pk_stat *base = &w->cached.value.base;
    if (st->czxid != base->czxid || (uint32_t)st->version != (uint32_t)base->version + (uint32_t)steps) {
        pk_cached_end(sync, z, PK_CACHED_FOREIGN);
        return;
    }
    if (st->aversion != base->aversion)
        pk_permits_take_all(sync, w); /* somebody has changed the ACL */
    struct pk_change change = {.kind = PK_CHANGE_FLUSHED, .znode = z, .stat = st, .zxid = zxid};
    (void)!pk_store_apply(sync->store, &change); /* cannot fail */
    pk_writeback_forget_late(sync, w);
    w->since_us = sync->conns->now_us;
}

/* The connection is its writer's own. */
static bool is_writers(const struct pk_uplink *u, const struct pk_writeback *w)
{
    return w->writer != NULL && w->writer == u->client;
}

/* Its writer is gone or silent, or its server is: else that one may write it, and will. */
static bool left_to_others(const struct pk_sync *sync, const struct pk_writeback *w)
{
    return !pk_writeback_writer_serves(sync, w);
}

/* The ensemble does not let the connection read the znode or write it: others may be let. */
static void not_allowed(struct pk_sync *sync, struct pk_uplink *u, struct pk_writeback *w)
{
    if (u->client != NULL) {
        pk_writeback_refuse(w, u);
    } else if (w->writer != NULL) {
        w->helped = false;
        w->helpless = true;
    } else {
        w->refused_us = sync->conns->now_us;
    }
}

/* The ensemble does not take this one. */
static void refused(struct pk_sync *sync, struct pk_uplink *u, struct pk_writeback *w, int32_t base,
                    const struct pk_reply *r, int32_t code)
{
    sync->stats->flush_failures++;
    struct pk_znode *z = w->cached.znode;
    bool writers = is_writers(u, w);
    if (z == NULL)
        return;
    if (r->err != PK_Z_OK) { /* about the session, not about the znode */
        w->inflight = 0;
        if (writers)
            pk_writeback_orphan(sync, w);
        if (u->client != NULL)
            pk_writeback_refuse(w, u);
    } else if (code == PK_Z_BAD_VERSION && base != w->cached.value.base.version) {
        return; /* an earlier one has come to light meanwhile: again from there */
    } else if (code == PK_Z_BAD_VERSION && w->late > 0) {
        w->inflight = 0;
        pk_writeback_was_late(sync, w);
    } else if (code == PK_Z_BAD_VERSION) {
        pk_cached_end(sync, z, PK_CACHED_FOREIGN);
    } else if (code == PK_Z_NO_NODE) {
        pk_cached_end(sync, z, PK_CACHED_GONE);
    } else if (writers) {
        pk_cached_end(sync, z, PK_CACHED_DROPPED);
    } else if (left_to_others(sync, w)) {
        w->inflight = 0;
        not_allowed(sync, u, w);
    }
}

/* The Stat that the last of a znode's steps left; every result of a flush is one of setData. */
static bool last_stat(struct pk_bytes body, int32_t before, int32_t steps, struct pk_stat *st)
{
    const size_t result = PK_MULTI_HEADER + PK_STAT_LEN;
    size_t at = result * (size_t)(before + steps - 1) + PK_MULTI_HEADER;
    if (body.len < at + PK_STAT_LEN)
        return false;
    pk_stat_load(st, body.p + at);
    return true;
}

/* The flush began at the version that the value started from, and nobody came between its steps. */
static bool adds_up(const struct pk_cached *l, int32_t steps, const struct pk_stat *st)
{
    const struct pk_stat *base = &l->value.base;
    return l->znode == NULL ||
           (st->czxid == base->czxid && (uint32_t)st->version == (uint32_t)base->version + (uint32_t)steps);
}

/* Takes the results in; what was not at fault stays dirty. Results that cannot be are somebody else's doing. */
static void take_results(struct pk_sync *sync, struct pk_uplink *u, const struct pk_flush *f,
                         const struct pk_reply *r, struct pk_bytes body)
{
    uint32_t op = UINT32_MAX;
    int32_t code = r->err, before = 0;
    bool good = pk_multi_succeeded(r, body);
    bool one = !good && r->err == PK_Z_OK && pk_multi_first_error(body, &op, &code);
    for (uint32_t i = 0; i < f->n; i++) {
        struct pk_writeback *w = f->v[i].w;
        int32_t steps = f->v[i].steps;
        struct pk_stat st;
        bool at_fault = !one || (op >= (uint32_t)before && op < (uint32_t)(before + steps));
        if (good && last_stat(body, before, steps, &st) && adds_up(&w->cached, steps, &st))
            flushed(sync, w, steps, &st, r->zxid);
        else if (at_fault)
            refused(sync, u, w, f->v[i].base, r, good ? PK_Z_BAD_VERSION : code);
        before += steps;
    }
}

/* The ACL is the one under which the writes were absorbed, or they are dropped: their author may have lost the right.
 * */
static void take_check(struct pk_sync *sync, struct pk_uplink *u, struct pk_writeback *w,
                       const struct pk_reply *r)
{
    if (r->err == PK_Z_NO_AUTH)
        not_allowed(sync, u, w);
    else if (r->err == PK_Z_OK && w->cached.value.base.aversion != w->aversion)
        pk_cached_end(sync, w->cached.znode, PK_CACHED_DROPPED);
    else if (r->err == PK_Z_OK)
        w->same_acl = true;
}

/* What the ensemble has: certain for PK_FLUSH_VERIFY. */
static void take_look(struct pk_sync *sync, struct pk_uplink *u, const struct pk_flush *f,
                      const struct pk_reply *r, struct pk_bytes body)
{
    struct pk_writeback *w = f->v[0].w;
    struct pk_in in = pk_in(body.p, body.len);
    struct pk_bytes data = {NULL, 0};
    bool certain = f->what == PK_FLUSH_VERIFY;
    if (w->cached.znode == NULL)
        return;
    if (r->err == PK_Z_OK && certain)
        data = pk_get_bytes(&in);
    if (r->err == PK_Z_OK && !in.bad && pk_in_left(&in) == PK_STAT_LEN) {
        struct pk_stat st;
        pk_stat_load(&st, in.p);
        (void)pk_seen_stat(sync, w->cached.znode, &st, certain ? &data : NULL, r->zxid);
    } else if (r->err == PK_Z_NO_NODE && f->what == PK_FLUSH_LOOK) {
        (void)!pk_seen_missing(sync, w->cached.znode, r->zxid);
    } else if (r->err == PK_Z_NO_NODE) { /* no server lags behind a sync, whatever zxid there was before */
        pk_cached_end(sync, w->cached.znode, PK_CACHED_GONE);
    }
    if (f->what == PK_FLUSH_CHECK && w->cached.znode != NULL)
        take_check(sync, u, w, r);
    if (!certain || w->cached.znode == NULL)
        return;
    if (r->err == PK_Z_OK || is_writers(u, w)) { /* its writer may not read: the flush will tell */
        if (w->uncertain > 0)
            pk_writeback_may_be_late(sync, w);
    } else if (r->err == PK_Z_NO_AUTH && left_to_others(sync, w)) {
        not_allowed(sync, u, w);
    }
}

/* Those first whose server answers: who asks first has it sent. */
static void wake(struct pk_sync *sync, struct pk_writeback *w)
{
    PK_LIST_EACH(at, tmp, &w->waiters) {
        struct pk_wait *wait = PK_CONTAINER(at, struct pk_wait, list);
        if (pk_uplink_silent(sync->conns, &wait->client->up))
            continue;
        pk_list_del(&wait->list);
        pk_client_wake(sync->conns, wait->client);
    }
    pk_wake_all(sync->conns, &w->waiters);
}

/* The work on it is over: it finds its list again, those who wait for it are woken. */
static void let_go(struct pk_sync *sync, struct pk_writeback *w, bool flush)
{
    struct pk_znode *z = w->cached.znode;
    if (flush)
        w->inflight = 0;
    else
        w->verifying = w->blocking = false;
    if (flush && w->uncertain == 0)
        pk_writeback_forget_sent(sync, w);
    wake(sync, w);
    if (w->writer != NULL)
        pk_client_wake(sync->conns, w->writer);
    if (z == NULL)
        return;
    pk_writeback_requeue(sync, w);
    pk_cached_end_unused(sync, z);
    pk_store_tidy(sync->store, z);
}

void pk_flush_answer(struct pk_sync *sync, struct pk_uplink *u, void *owner, const struct pk_reply *r,
                     struct pk_bytes body)
{
    struct pk_flush *f = owner;
    bool flush = f->what == PK_FLUSH_WRITES;
    if (flush)
        take_results(sync, u, f, r, body);
    else
        take_look(sync, u, f, r, body);
    for (uint32_t i = 0; i < f->n; i++)
        let_go(sync, f->v[i].w, flush);
    pk_flush_job_free(sync, f);
    bool about_node = r->err == PK_Z_NO_NODE || r->err == PK_Z_NO_AUTH;
    if (u->client == NULL && r->err != PK_Z_OK && (flush || !about_node))
        pk_conn_close(sync->conns, u, PK_CLOSE_SERVICE_REFUSED);
    if (u->client != NULL)
        pk_client_wake(sync->conns, u->client);
}

void pk_flush_lost(struct pk_sync *sync, void *owner)
{
    struct pk_flush *f = owner;
    bool flush = f->what == PK_FLUSH_WRITES;
    for (uint32_t i = 0; i < f->n; i++) {
        struct pk_writeback *w = f->v[i].w;
        if (flush)
            w->uncertain = w->inflight;
        let_go(sync, w, flush);
    }
    pk_flush_job_free(sync, f);
}
