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

/* Whether memory may create a znode with an open ACL of the target's path, as far as it knows and but for room; a doubt
 * is for the ensemble. */
bool pk_local_may_create(const struct pk_target *t, struct pk_bytes path);
/* Whether the mount has room for it, and the ensemble takes it when it is promoted. */
bool pk_local_has_room(const struct pk_sync *sync, const struct pk_target *t, struct pk_bytes path,
                       size_t data);
/* The same of a held znode that is to have so many bytes of data; without growth always. */
bool pk_local_may_grow(const struct pk_sync *sync, const struct pk_target *t, size_t data);
/* So many local deletes below an upstream parent (or NULL) are to be replayed that what follows is the ensemble's until
 * they are, which is seen to. */
bool pk_local_owes_too_much(struct pk_sync *sync, struct pk_znode *parent);
/* The change of a client that memory carries out. PK_ENOMEM: nothing changed. */
enum pk_err pk_local_apply(struct pk_sync *sync, const struct pk_client *c, enum pk_change_kind kind,
                           struct pk_znode *z, struct pk_bytes data) PK_NODISCARD;
/* A write of the client has been answered from memory. */
void pk_local_absorbed(struct pk_sync *sync, struct pk_client *c);

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
