/*
 * The one place where what is held changes: state, data, versions, zxids and times of a znode and of a cached znode's
 * value. Each change is one call, and yields one record of what it left behind (change.h).
 */
#ifndef PK_CORE_STORE_APPLY_H
#define PK_CORE_STORE_APPLY_H

#include "base/err.h"
#include "core/store/change.h"

struct pk_store;

/*
 * Carries out one change: data, versions, zxids, times, parents' counters, figures. PK_ENOMEM (LOCAL_CREATE, SET,
 * RESTORED, PROMOTED, REMEMBERED and CACHED only): nothing changed. After a change that may leave nothing to remember
 * the caller tidies the znode when it is done with it.
 */
enum pk_err pk_store_apply(struct pk_store *store, const struct pk_change *change) PK_NODISCARD;

/* What a record of the znode as it is now says; its path is in the store's buffer (pk_store_path). */
struct pk_change_record pk_store_record(struct pk_store *store, const struct pk_znode *z);

/* The edges between states that a change may take (znode.h draws them). */
bool pk_znode_may_move(enum pk_znode_state from, enum pk_znode_state to);

#endif
