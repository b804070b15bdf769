/*
 * The value of a cached znode: one of the ensemble's whose newest data may be here alone.
 *
 *   base.version ──absorbed writes──► version      the difference is pending: the ensemble does not have it yet
 *
 * What is in struct pk_value changes in apply.c alone. Who may write, and how it is written back, is sync/'s.
 */
#ifndef PK_CORE_STORE_CACHED_H
#define PK_CORE_STORE_CACHED_H

#include "core/store/znode.h"

struct pk_value {
    struct pk_blob *data; /* the newest; NULL is null data */
    struct pk_stat base;  /* the newest Stat that the ensemble showed: a flush starts from its version */
    int64_t shown_zxid;   /* header zxid of the newest answer that base comes from */
    int64_t changed_zxid; /* its children may have changed up to here: base is fresh when shown since */
    int64_t suspect_zxid; /* an event told of a write up to here that may be foreign; 0 none */
    int64_t mzxid, mtime; /* of the newest data, as clients see them */
    int32_t version;      /* as clients see it */
    bool retired;         /* ended: only for answers of servers that lag */
};

struct pk_cached {
    struct pk_znode *PK_APPLIED znode; /* NULL once the value is gone, while somebody still refers to it */
    PK_APPLIED struct pk_value value;
    uint32_t refs; /* those who refer to it beside its znode */
};

/* Absorbed writes that the ensemble does not have yet, those in flight included. */
static inline int32_t pk_cached_pending(const struct pk_cached *l)
{
    return (int32_t)((uint32_t)l->value.version - (uint32_t)l->value.base.version);
}

/* What memory would say of the znode is what the ensemble says, but for what is absorbed. Children of the ensemble's
 * own may be ephemeral and go without a word to us, so a znode that has some is never answered for. */
static inline bool pk_cached_fresh(const struct pk_cached *l)
{
    const struct pk_value *v = &l->value;
    return v->shown_zxid >= v->changed_zxid && v->suspect_zxid == 0 && v->base.num_children == 0;
}

/* Puts the newest version, mzxid, mtime and length into a Stat of the znode. */
void pk_cached_patch(const struct pk_cached *l, struct pk_stat *st);
/* Stat of a held or cached znode, as clients see it. */
void pk_znode_stat(const struct pk_znode *z, struct pk_stat *st);
/* The newest zxid at which the ensemble was told of the znode by us: a server that has not shown it may lag. */
int64_t pk_znode_told_zxid(const struct pk_znode *z);

#endif
