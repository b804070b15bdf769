/*
 * What memory adds to a parent of the ensemble.
 *
 * Happy path: nothing below it is being promoted, the counters that are kept say it.
 * Failure modes: while a child is being promoted nobody can say whether the server has it: the caller waits.
 */
#include "core/serve/share.h"

bool pk_share_counts(const struct pk_znode *child, int64_t zxid)
{
    if (child->held.state == PK_ZNODE_PROMOTED)
        return child->held.czxid > zxid;
    return pk_znode_held(child);
}

/* Counts children one by one, as the state of some depends on how far the server has come. */
static void walk_children(struct pk_sync *sync, struct pk_znode *z, int64_t zxid, struct pk_share *s)
{
    size_t steps = 0;
    for (struct pk_znode *k = pk_znode_children(z); k != NULL; k = k->next, steps++) {
        s->children += pk_share_counts(k, zxid);
        if (k->held.state == PK_ZNODE_PROMOTING)
            s->unsure = k;
    }
    pk_work(sync->conns, steps);
}

struct pk_share pk_share_of(struct pk_sync *sync, struct pk_znode *z, int64_t zxid)
{
    struct pk_share s = {.children = z->held.nlocal, .unsure = z->replaying_pairs ? z : NULL};
    if (pk_znode_moving_below(z) > 0) {
        s.children = 0;
        walk_children(sync, z, zxid, &s);
    }
    int32_t deletes = z->held.cversion;
    if (z->tracking != NULL && zxid < z->tracking->replayed_zxid)
        deletes += z->tracking->replayed_pairs;
    s.cversion = s.children + 2 * deletes;
    return s;
}

/* What the ensemble says may be any number; it wraps as a server's own counters do. */
static int32_t add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

void pk_share_add(struct pk_sync *sync, struct pk_znode *z, const struct pk_share *share, int32_t children,
                  struct pk_stat *st)
{
    struct pk_change seen = {.kind = PK_CHANGE_SHARE_SEEN, .znode = z, .zxid = st->czxid};
    if (z->held.czxid != st->czxid)
        (void)!pk_store_apply(sync->store, &seen); /* cannot fail */
    st->num_children = add(st->num_children, children);
    st->cversion = add(st->cversion, share->cversion - share->children + children);
    if (st->pzxid < z->held.pzxid)
        st->pzxid = z->held.pzxid;
}

void pk_share_wait(struct pk_sync *sync, struct pk_client *c, struct pk_znode *unsure)
{
    struct pk_tracking *t = pk_store_tracking(sync->store, unsure);
    if (t == NULL)
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
    else
        pk_wait_on(&c->answer_wait, &t->waiters);
}
