/*
 * Write permits: which clients' writes of a cached znode memory absorbs. A permit belongs to a connection, as its
 * credentials do: it says that the ensemble has let this connection write the znode (design.md 7.4).
 */
#ifndef PK_CORE_SYNC_PERMIT_H
#define PK_CORE_SYNC_PERMIT_H

#include "core/sync/sync.h"

struct pk_writeback;

struct pk_permit {
    struct pk_list of_client, of_cached;
    struct pk_client *client;
    struct pk_writeback *writeback;
    bool read; /* a relayed exists of this connection has succeeded */
};

/* The client's permit on a cached znode, NULL when it has none. */
struct pk_permit *pk_permit_find(const struct pk_client *c, const struct pk_writeback *w);
/* The ensemble has let the client write: it has a permit from now on, unless the znode is another session's
 * ephemeral. */
enum pk_err pk_permit_give(struct pk_sync *sync, struct pk_client *c, struct pk_writeback *w) PK_NODISCARD;
/* Takes one back, or all on a znode. */
void pk_permit_take(struct pk_sync *sync, struct pk_permit *p);
void pk_permits_take_all(struct pk_sync *sync, struct pk_writeback *w);

#endif
