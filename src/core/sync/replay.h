/*
 * What a promotion replays: the steps that bring a fresh znode's counters to what clients have seen (design.md 7.3).
 *
 * version n:  create(path, "") , setData(0, "") , setData(-1, "") ... , setData(-1, newest data)     in one
 * transaction
 */
#ifndef PK_CORE_SYNC_REPLAY_H
#define PK_CORE_SYNC_REPLAY_H

#include "core/sync/multi.h"

enum {
    PK_REPLAY_MAX = 1000,  /* steps replayed per znode: beyond, counters may fall back (man pacekeeper) */
    PK_REPLAY_ALL = 20000, /* and for one request; shared out between its znodes */
    PK_REPLAY_OWED =
        1000, /* local deletes below an upstream parent: beyond, creates and deletes there are relayed */
};

/* How many steps follow the create: 2 for each local delete below it, 1 for each absorbed setData, within the bounds.
 * */
int32_t pk_replay_steps(const struct pk_znode *z);
/* How many operations that makes, the create among them. */
int32_t pk_replay_ops(const struct pk_znode *z);
/* The version that the znode has when they are done. */
int32_t pk_replay_version(const struct pk_znode *z);
/* The i-th operation, 0 is the create; then come the deletes, then the writes, the last of which brings the newest
 * data. acl: that the znode is to have; dummy: name of the child that is created and deleted, a slash before it. */
struct pk_multi_op pk_replay_op(const struct pk_znode *z, int32_t i, struct pk_bytes acl,
                                struct pk_bytes dummy);
/* The bytes of all of them. */
size_t pk_replay_len(const struct pk_znode *z, struct pk_bytes acl, struct pk_bytes dummy);
/* Leaves steps out of the next promotion of a tracked znode, writes before deletes, until all have no more than so many
 * bytes; none are left where its data alone have more. */
void pk_replay_cut(struct pk_znode *z, size_t most, struct pk_bytes acl, struct pk_bytes dummy);
/* Half of a pair below an upstream parent: the dummy child is created, or deleted. */
struct pk_multi_op pk_replay_pair(const struct pk_znode *parent, bool create, struct pk_bytes dummy);

#endif
