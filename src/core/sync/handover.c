/*
 * Handing over.
 *
 * Happy path: a batch of local znodes is promoted a tick until none is left.
 * Failure modes: znodes that the ensemble refuses stay local and are not tried again until the mode changes; a lost
 * connection leaves its batch local, and the next one goes on.
 */
#include "core/sync/handover.h"

#include "core/sync/promote.h"
#include "core/sync/writeback.h"

enum {
    TICK = 500 /* znodes or cached values in one tick */,
    BATCH = 250,
    RELEASE_BATCH = 2000,
    COMPARED = 500
};

uint64_t pk_handover_left(const struct pk_mount *m)
{
    return (m->config.mode != PK_MODE_PACEMAKER ? m->znodes : 0) +
           (m->config.mode == PK_MODE_RELAY ? m->dirty : 0);
}

int64_t pk_handover_quota(const struct pk_sync *sync)
{
    return sync->service.releasing ? INT64_MAX : TICK;
}

static bool to_promote(const struct pk_mount *m)
{
    return m->config.mode != PK_MODE_PACEMAKER && !m->blocked && m->unpromoted;
}

void pk_handover_start(struct pk_sync *sync, struct pk_mount *m)
{
    m->blocked = false;
    m->unpromoted = true;
    sync->service.to_hand_over = true;
    for (struct pk_znode *z = m->root; z != NULL; z = pk_znode_walk(m->root, z)) {
        z->refused = false;
        pk_cached_end_unused(sync, z);
    }
}

void pk_handover_hasten(struct pk_sync *sync)
{
    sync->service.releasing = true;
}

void pk_handover_all(struct pk_sync *sync)
{
    pk_handover_hasten(sync);
    for (size_t i = 0; i < sync->store->nmounts; i++) {
        struct pk_mount *m = &sync->store->mounts[i];
        m->wanted = PK_MODE_RELAY;
        pk_mount_settle(sync->store, m);
        pk_handover_start(sync, m);
    }
}

/* Asks about one restored znode; false when the connection is to end. */
static bool compare_one(struct pk_sync *sync, struct pk_uplink *service, const struct pk_znode *z)
{
    struct pk_bytes path = pk_store_path(sync->store, z);
    struct pk_entry *e = pk_send_internal(sync->conns, service, PK_ANSWER_COMPARE, PK_OP_EXISTS, path, NULL);
    if (e == NULL)
        return false;
    e->path = pk_blob_new(sync->mem, path.p, path.len);
    if (e->path == NULL) {
        e->answer = PK_ANSWER_DROP;
        pk_conn_close(sync->conns, service, PK_CLOSE_NO_MEMORY);
    }
    return e->path != NULL;
}

/* Compares restored znodes; false when none is left. */
static bool compare(struct pk_sync *sync, struct pk_uplink *service)
{
    int compared = 0;
    for (size_t i = 0; i < sync->store->nmounts; i++) {
        struct pk_znode *root = sync->store->mounts[i].root;
        for (struct pk_znode *z = root; z != NULL && compared < COMPARED; z = pk_znode_walk(root, z)) {
            if (!z->restored)
                continue;
            if (!compare_one(sync, service, z))
                return true;
            compared++;
        }
    }
    return compared > 0;
}

void pk_handover_compared(struct pk_sync *sync, struct pk_bytes path, const struct pk_reply *r)
{
    struct pk_znode *z = pk_store_find(sync->store, path);
    if (z == NULL || !z->restored)
        return;
    z->restored = false;
    bool exists = r->err == PK_Z_OK || r->err == PK_Z_NO_AUTH; /* the latter from 3.8.4 on */
    if (exists && z->held.state == PK_ZNODE_LOCAL)
        pk_promote_theirs(sync, NULL, z);
}

/* Wants some of a mount; false when there is nothing to want. */
static bool want_some(struct pk_sync *sync, struct pk_uplink *service, struct pk_mount *m)
{
    struct pk_plan plan = {0};
    uint32_t max = sync->service.releasing ? RELEASE_BATCH : BATCH;
    int64_t replayed = 0;
    enum pk_err err = pk_plan_mount(sync->store, m, max, &plan);
    bool any = plan.promote.n > 0 || plan.pairs.n > 0;
    if (err == PK_OK && any)
        err = pk_promote_want(sync, &plan, &replayed);
    else if (err == PK_OK)
        m->unpromoted = m->blocked = m->znodes > 0;
    sync->service.handed_over += plan.promote.n;
    if (err != PK_OK)
        pk_conn_close(sync->conns, service, PK_CLOSE_NO_MEMORY);
    pk_plan_free(sync->store, &plan);
    return any || err != PK_OK;
}

bool pk_handover_step(struct pk_sync *sync, struct pk_uplink *service)
{
    struct pk_service *s = &sync->service;
    if (s->to_compare && compare(sync, service))
        return true;
    s->to_compare = false;
    if (s->handed_over >= TICK && !s->releasing)
        return false;
    bool left = false;
    for (size_t i = 0; i < sync->store->nmounts; i++) {
        struct pk_mount *m = &sync->store->mounts[i];
        if (to_promote(m) && want_some(sync, service, m))
            return true;
        left = left || to_promote(m);
    }
    s->to_hand_over = left;
    return false;
}
