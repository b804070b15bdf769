/*
 * The parts of sync/ together.
 *
 * Happy path: a walk over all mounts finds what lists and counters say.
 * Failure modes: what does not agree ends the process: a test is watching.
 */
#include "core/sync/parts.h"

#include "base/check.h"
#include "core/sync/permit.h"
#include "core/sync/promote.h"
#include "core/sync/service.h"
#include "core/sync/writeback.h"

void pk_sync_init(struct pk_sync *sync, struct pk_store *store, struct pk_conns *conns)
{
    *sync = (struct pk_sync){.mem = conns->mem, .stats = conns->stats, .store = store, .conns = conns};
    pk_promoter_init(sync);
    pk_pool_init(&sync->permits, sync->mem, sizeof(struct pk_permit));
    struct pk_list *lists[] = {&sync->hurried, &sync->orphans, &sync->refused, &sync->retired, &sync->stuck};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        pk_list_init(lists[i]);
}

void pk_sync_drop(struct pk_sync *sync)
{
    (void)!pk_service_set_auths(sync, NULL, 0); /* none: cannot fail */
    pk_promoter_drop(sync);
    pk_pool_drop(&sync->permits);
}

static uint64_t length(const struct pk_list *list)
{
    uint64_t n = 0;
    for (const struct pk_list *at = list->next; at != list; at = at->next)
        n++;
    return n;
}

/* What the cached znodes of all mounts say, state by state. */
struct tally {
    uint64_t in[PK_WRITEBACK_STATES], permits;
};

static void check_writeback(const struct pk_writeback *w, struct tally *t)
{
    PK_BUG_ON(w->state >= PK_WRITEBACK_ENDED || w->state == PK_WRITEBACK_BATCHED);
    PK_BUG_ON(w->cached.value.retired != (w->state == PK_WRITEBACK_RETIRED));
    PK_BUG_ON(pk_writeback_dirty(w) !=
              (pk_cached_pending(&w->cached) != 0 && w->state != PK_WRITEBACK_RETIRED));
    PK_BUG_ON((w->inflight > 0) != (w->state == PK_WRITEBACK_IN_FLIGHT));
    PK_BUG_ON(w->writer == NULL && (w->state == PK_WRITEBACK_DIRTY || w->state == PK_WRITEBACK_HURRIED));
    PK_BUG_ON((w->writer != NULL) != !pk_list_empty(&w->of_writer));
    t->in[w->state]++;
    t->permits += length(&w->permits);
}

void pk_sync_check(const struct pk_sync *sync)
{
    struct tally t = {0};
    uint64_t dirty = 0, due = 0;
    for (size_t i = 0; i < sync->store->nmounts; i++) {
        const struct pk_mount *m = &sync->store->mounts[i];
        uint64_t before = 0, after = 0;
        for (int s = PK_WRITEBACK_DIRTY; s < PK_WRITEBACK_RETIRED; s++)
            before += t.in[s];
        for (struct pk_znode *z = m->root; z != NULL; z = pk_znode_walk(m->root, z))
            if (z->cached != NULL)
                check_writeback(pk_writeback_of(z), &t);
        for (int s = PK_WRITEBACK_DIRTY; s < PK_WRITEBACK_RETIRED; s++)
            after += t.in[s];
        PK_BUG_ON(after - before != m->dirty);
        dirty += m->dirty;
        due += length(&m->due);
    }
    PK_BUG_ON((int64_t)dirty != sync->stats->dirty || (int64_t)t.permits != sync->stats->write_permits);
    PK_BUG_ON(due != t.in[PK_WRITEBACK_DIRTY] || length(&sync->hurried) != t.in[PK_WRITEBACK_HURRIED]);
    PK_BUG_ON(length(&sync->orphans) != t.in[PK_WRITEBACK_ORPHAN] ||
              length(&sync->refused) != t.in[PK_WRITEBACK_REFUSED] ||
              length(&sync->retired) != t.in[PK_WRITEBACK_RETIRED]);
}
