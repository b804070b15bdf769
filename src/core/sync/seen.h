/*
 * What answers and events say of a cached znode.
 */
#ifndef PK_CORE_SYNC_SEEN_H
#define PK_CORE_SYNC_SEEN_H

#include "core/sync/writeback.h"

enum pk_seen {
    PK_SEEN_OURS,   /* the answer is ours to bring up to date */
    PK_SEEN_OLDER,  /* an earlier znode of that path: the server lags */
    PK_SEEN_OTHERS, /* newer than what we know: it stays as it is */
};
/* An answer shows the Stat of a cached znode: judges it, refreshes the copy, ends the value when the write was foreign.
 * data: of the answer, NULL when it has none. The caller tidies the znode. */
enum pk_seen pk_seen_stat(struct pk_sync *sync, struct pk_znode *z, const struct pk_stat *st,
                          const struct pk_bytes *data, int64_t zxid);
/* An answer says NONODE of a cached znode at this zxid. True when the server lags, false after ending the value. */
bool pk_seen_missing(struct pk_sync *sync, struct pk_znode *z, int64_t zxid);

/* Children of the znode have changed at this zxid or before: the copy of its Stat is stale. NULL and znodes without one
 * are allowed. */
void pk_seen_stale(struct pk_sync *sync, struct pk_znode *z, int64_t zxid);
/* The znode may have been deleted, created anew or protected at this zxid or before: answers to writes before that say
 * nothing of it. */
void pk_seen_changed(struct pk_znode *z, int64_t zxid);
/* An event told of a change of the znode; z NULL: nothing is tracked there, but for its parent (or NULL). */
void pk_seen_event(struct pk_sync *sync, struct pk_znode *z, struct pk_znode *parent, int32_t type);
/* A relayed request that had intents at the znode is over. known: it succeeded, else nobody knows whether it did. */
void pk_seen_written(struct pk_sync *sync, struct pk_znode *z, uint8_t kinds, int32_t op, bool known);

#endif
