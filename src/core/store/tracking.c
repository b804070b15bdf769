/*
 * Tracking.
 *
 * Happy path: most znodes have none.
 * Failure modes: out of memory is reported before anything hangs on it.
 */
#include "core/store/tracking.h"

struct pk_tracking *pk_store_tracking(struct pk_store *store, struct pk_znode *z)
{
    if (z->tracking != NULL)
        return z->tracking;
    struct pk_tracking *t = pk_zalloc(store->mem, sizeof *t);
    if (t == NULL)
        return NULL;
    pk_list_init(&t->watches);
    pk_list_init(&t->waiters);
    pk_list_init(&t->wanted);
    pk_list_init(&t->recent);
    t->znode = z;
    return z->tracking = t;
}

void pk_tracking_free(struct pk_store *store, struct pk_znode *z)
{
    if (z->tracking == NULL)
        return;
    pk_list_del(&z->tracking->recent);
    pk_blob_unref(store->mem, z->tracking->acl);
    pk_free(store->mem, z->tracking);
    z->tracking = NULL;
}

void pk_tracking_tidy(struct pk_store *store, struct pk_znode *z)
{
    struct pk_tracking *t = z->tracking;
    if (pk_znode_busy(z) || z->replaying_pairs) /* whoever began that relies on it */
        return;
    if (t == NULL || t->inflight > 0 || t->pins > 0 || t->listing != NULL || !pk_list_empty(&t->recent))
        return;
    if (pk_list_empty(&t->watches) && pk_list_empty(&t->waiters) && pk_list_empty(&t->wanted) &&
        (t->acl == NULL || z->held.nlocal == 0))
        pk_tracking_free(store, z);
}
