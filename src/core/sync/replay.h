/*
 * What a promotion replays: the steps that bring a fresh znode's counters to what clients have seen (design.md 7.3).
 */
#ifndef PK_CORE_SYNC_REPLAY_H
#define PK_CORE_SYNC_REPLAY_H

#include "core/sync/multi.h"

enum { PK_REPLAY_MAX = 1000 /* steps replayed per znode: beyond, counters may fall back (man pacekeeper) */ };

/* The create of a local znode with its newest data, and the delete of one that stands in its place. */
struct pk_multi_op pk_replay_create(const struct pk_znode *z);
struct pk_multi_op pk_replay_delete(const struct pk_znode *z);
/* A dummy child that is created and deleted for each local delete below a parent: first the create, then the delete. */
struct pk_multi_op pk_replay_pair(const struct pk_znode *parent, bool create);

/* How many steps follow the create: 2 for each local delete below it, 1 for each absorbed setData, at most
 * PK_REPLAY_MAX. */
int32_t pk_replay_steps(const struct pk_znode *z);
/* The i-th of them: first the deletes, then the writes, the last of which brings the newest data. */
struct pk_multi_op pk_replay_step(const struct pk_znode *z, int32_t i);

#endif
