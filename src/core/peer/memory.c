/*
 * Memory and the role.
 *
 * Happy path: a listed copy becomes the store, piece by piece, and what was under way is looked at.
 * Failure modes: no copy: what only the primary before had is gone, which is counted and said. Memory short: the same.
 * A session that expires while nobody else is there costs nothing: our own memory is the copy that we take over.
 */
#include "core/peer/memory.h"

#include "core/sync/handover.h"
#include "core/sync/promote.h"

enum { PIECE = 500 /* znodes that are restored in one step: half a millisecond */ };

void pk_memory_sleep(struct pk_member *m)
{
    struct pk_store *store = m->sync->store;
    store->asleep = true;
    for (size_t i = 0; i < store->nmounts; i++)
        pk_mount_settle(store, &store->mounts[i]);
}

static void wake(struct pk_member *m)
{
    struct pk_store *store = m->sync->store;
    store->asleep = false;
    for (size_t i = 0; i < store->nmounts; i++) {
        struct pk_mount *mount = &store->mounts[i];
        pk_mount_settle(store, mount);
        pk_handover_start(m->sync, mount);
    }
    store->invalidations++;
}

/* Whatever has been restored is memory's, or is dropped. */
static void end_restoring(struct pk_member *m)
{
    pk_cursor_end(&m->restored);
    m->whole = m->sync->restoring = false;
}

bool pk_memory_restoring(const struct pk_member *m)
{
    return m->sync->restoring && !m->whole;
}

bool pk_memory_restore(struct pk_member *m)
{
    if (m->whole || m->holds || !m->election.listed || m->copy == NULL)
        return true;
    if (!m->sync->restoring) {
        m->sync->restoring = true;
        wake(m);
        pk_copy_restore_begin(m->copy, m->sync, &m->restored);
    }
    if (pk_copy_restore(m->copy, m->sync, &m->restored, PIECE, &m->whole) == PK_OK)
        return m->whole;
    pk_memory_drop(m);
    pk_copy_drop(&m->copy);
    return true;
}

void pk_memory_take_over(struct pk_member *m)
{
    bool kept = m->holds, whole = m->whole;
    if (!whole)
        wake(m);
    end_restoring(m);
    m->sync->store->invalidations++;
    m->holds = true;
    pk_copy_drop(&m->copy);
    if (whole)
        pk_member_log(m, PK_LOG_EVENT_GROUP_TOOK_OVER, "", m->sync->stats->znodes);
    else if (!kept && m->election.seen_epoch != 0) {
        m->sync->stats->group_losses++;
        pk_member_log(m, PK_LOG_EVENT_GROUP_TOOK_OVER_EMPTY, "", m->epoch);
    }
}

/* Whatever is held or remembered of one znode. */
static void drop_one(struct pk_sync *sync, struct pk_znode *z)
{
    struct pk_change change = {.znode = z, .now_us = sync->conns->now_us};
    if (z->cached != NULL)
        pk_cached_end(sync, z, PK_CACHED_MOVED);
    if (pk_znode_held(z)) {
        change.kind = PK_CHANGE_LOST;
        (void)!pk_store_apply(sync->store, &change); /* cannot fail */
    }
    if (z->tracking != NULL)
        z->tracking->floor_zxid = 0;
    change.kind = PK_CHANGE_GONE;
    (void)!pk_store_apply(sync->store, &change); /* cannot fail */
    z->uncertain = z->unfit = z->refused = z->restored = false;
}

/* Children first: the next one in that order, from the bottom. */
static struct pk_znode *deepest(struct pk_znode *z)
{
    while (pk_znode_children(z) != NULL)
        z = pk_znode_children(z);
    return z;
}

static void drop_mount(struct pk_sync *sync, struct pk_mount *mount)
{
    for (struct pk_znode *z = deepest(mount->root), *next; z != NULL; z = next) {
        next = z->next != NULL ? deepest(z->next) : z->parent;
        drop_one(sync, z);
    }
}

/* What is tracked for nobody's sake any more. */
static void tidy(struct pk_store *store)
{
    struct pk_cursor cursor;
    struct pk_znode *z;
    pk_cursor_begin(store, &cursor);
    while ((z = pk_cursor_next(store, &cursor)) != NULL)
        if (pk_znode_children(z) == NULL)
            pk_store_tidy(store, z);
    pk_cursor_end(&cursor);
}

/* A record of each znode goes to the copy, as on a link. */
static bool keep_one(struct pk_member *m, struct pk_copy *copy, const struct pk_znode *z)
{
    const struct pk_change_record ours = pk_store_record(m->sync->store, z);
    struct pk_link_record record;
    size_t len = pk_record_len(&ours);
    struct pk_blob *b = pk_blob_room(m->sync->mem, len);
    if (b == NULL)
        return false;
    pk_record_put(b->bytes, len, &ours, m->sync->stats->newest_zxid, m->gates.position);
    struct pk_bytes body = {b->bytes + PK_FRAME_HEAD, (uint32_t)(len - PK_FRAME_HEAD)};
    bool kept = pk_record_get(body, &record) && pk_copy_apply(copy, &record) == PK_OK;
    pk_blob_unref(m->sync->mem, b);
    return kept;
}

void pk_memory_keep(struct pk_member *m)
{
    struct pk_store *store = m->sync->store;
    if (!m->holds)
        return;
    struct pk_copy *copy = pk_copy_new(store, m->epoch);
    bool whole = copy != NULL;
    for (size_t i = 0; i < store->nmounts && whole; i++) {
        struct pk_znode *root = store->mounts[i].root;
        for (struct pk_znode *z = root; z != NULL && whole; z = pk_znode_walk(root, z))
            whole = !pk_record_due(z) || keep_one(m, copy, z);
    }
    if (!whole)
        pk_copy_drop(&copy);
    pk_copy_drop(&m->copy);
    m->copy = copy;
}

void pk_memory_drop(struct pk_member *m)
{
    struct pk_sync *sync = m->sync;
    end_restoring(m);
    m->holds = false;
    pk_promote_forget(sync);
    for (size_t i = 0; i < sync->store->nmounts; i++)
        drop_mount(sync, &sync->store->mounts[i]);
    tidy(sync->store);
    sync->service.to_compare = sync->service.to_hand_over = false;
    sync->store->invalidations++;
}
