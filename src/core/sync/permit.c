/*
 * Write permits.
 *
 * Happy path: one per worker and znode, found at the head of a list of one.
 * Failure modes: out of memory gives none, and the client's writes go on being relayed.
 */
#include "core/sync/permit.h"

#include "core/sync/writeback.h"

struct pk_permit *pk_permit_find(const struct pk_client *c, const struct pk_writeback *w)
{
    for (struct pk_list *at = w->permits.next; at != &w->permits; at = at->next) {
        struct pk_permit *p = PK_CONTAINER(at, struct pk_permit, of_cached);
        if (p->client == c)
            return p;
    }
    return NULL;
}

enum pk_err pk_permit_give(struct pk_sync *sync, struct pk_client *c, struct pk_writeback *w)
{
    int64_t owner = w->cached.value.base.ephemeral_owner;
    if ((owner != 0 && owner != c->up.session_id) || pk_permit_find(c, w) != NULL)
        return PK_OK;
    struct pk_permit *p = pk_pool_get(&sync->permits);
    if (p == NULL)
        return PK_ENOMEM;
    *p = (struct pk_permit){.client = c, .writeback = w};
    pk_list_add_tail(&c->permits, &p->of_client);
    pk_list_add_tail(&w->permits, &p->of_cached);
    sync->stats->write_permits++;
    return PK_OK;
}

void pk_permit_take(struct pk_sync *sync, struct pk_permit *p)
{
    pk_list_del(&p->of_client);
    pk_list_del(&p->of_cached);
    pk_pool_put(&sync->permits, p);
    sync->stats->write_permits--;
    sync->store->invalidations++;
}

void pk_permits_take_all(struct pk_sync *sync, struct pk_writeback *w)
{
    PK_LIST_EACH(at, tmp, &w->permits)
        pk_permit_take(sync, PK_CONTAINER(at, struct pk_permit, of_cached));
}
