/*
 * Operations on what is held: those that memory carries out by itself, and whether it may.
 */
#ifndef PK_CORE_SERVE_LOCAL_H
#define PK_CORE_SERVE_LOCAL_H

#include "core/sync/sync.h"

/* What memory can say of a read. */
struct pk_readable {
    bool yes;
    struct pk_znode *znode; /* NULL: certainly absent, below a held parent */
};

/* Whether memory answers this read of a target now: it is held, or cached and the read is exists, or it is certainly
 * absent. */
struct pk_readable pk_local_readable(const struct pk_sync *sync, const struct pk_client *c,
                                     const struct pk_target *t, struct pk_bytes path, int32_t op);
/* Answers exists, getData, getChildren(2), getACL or getAllChildrenNumber from what pk_local_readable found. */
void pk_local_answer(struct pk_sync *sync, struct pk_client *c, int32_t xid, int32_t op, struct pk_znode *z);
/* Both; false, with nothing written, when memory cannot (any more). */
bool pk_local_read(struct pk_sync *sync, struct pk_client *c, int32_t xid, int32_t op, struct pk_bytes path);
/* What is known of a path, by the client's memory of its newest znode first. */
struct pk_target pk_local_target(const struct pk_sync *sync, struct pk_client *c, struct pk_bytes path);

/* setData on a local znode that no promotion keeps, or a cached one that absorbs it. */
void pk_local_set(struct pk_sync *sync, struct pk_client *c, const struct pk_request *req,
                  struct pk_znode *z);
/* delete of a local znode that no promotion keeps, nor its parent. */
void pk_local_delete(struct pk_sync *sync, struct pk_client *c, const struct pk_request *req,
                     struct pk_znode *z);
/* create or create2 of a path of which nothing is held, below a tracked or held parent. */
void pk_local_create(struct pk_sync *sync, struct pk_client *c, const struct pk_request *req,
                     struct pk_mount *mount);

#endif
