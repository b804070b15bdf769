/*
 * The Stat of what is held, as clients see it.
 *
 * Happy path: a local znode's own counters, a cached one's newest version over the Stat that the ensemble showed.
 * Failure modes: a znode that is neither yields zeroes; nobody asks for one.
 */
#include "core/store/cached.h"

void pk_cached_patch(const struct pk_cached *l, struct pk_stat *st)
{
    st->version = l->value.version;
    st->mzxid = l->value.mzxid;
    st->mtime = l->value.mtime;
    st->data_length = l->value.data != NULL ? (int32_t)l->value.data->len : 0;
}

void pk_znode_stat(const struct pk_znode *z, struct pk_stat *st)
{
    const struct pk_held *h = &z->held;
    if (z->cached == NULL) {
        *st = (struct pk_stat){
            .czxid = h->czxid,
            .mzxid = h->mzxid,
            .pzxid = h->pzxid,
            .ctime = h->ctime,
            .mtime = h->mtime,
            .version = h->version,
            .cversion = h->cversion,
            .data_length = z->data != NULL ? (int32_t)z->data->len : 0,
            .num_children = h->nlocal,
        };
        return;
    }
    *st = z->cached->value.base;
    pk_cached_patch(z->cached, st);
    st->num_children = (int32_t)((uint32_t)st->num_children + (uint32_t)h->nlocal);
    st->cversion = (int32_t)((uint32_t)st->cversion + (uint32_t)h->nlocal + 2 * (uint32_t)h->cversion);
    if (st->pzxid < h->pzxid)
        st->pzxid = h->pzxid;
}

int64_t pk_znode_told_zxid(const struct pk_znode *z)
{
    int64_t newest = 0;
    if (z != NULL && z->held.state == PK_ZNODE_PROMOTED)
        newest = z->held.mzxid;
    if (z != NULL && z->cached != NULL && z->cached->value.base.mzxid > newest)
        newest = z->cached->value.base.mzxid;
    return newest;
}
