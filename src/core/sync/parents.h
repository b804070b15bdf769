/*
 * Upstream parents of local znodes that somebody has removed directly: made again, with the ACL that they had.
 */
#ifndef PK_CORE_SYNC_PARENTS_H
#define PK_CORE_SYNC_PARENTS_H

#include "core/sync/sync.h"

/* Creates the znode of a path below or at a mount's root and its ancestors where they are missing, plain, empty, each
 * with the ACL that a precheck has seen there, else open; the answers are swallowed. */
void pk_parents_make(struct pk_sync *sync, struct pk_uplink *u, struct pk_bytes path);
/* A precheck has seen this ACL (vector<ACL>, count included) on an upstream parent. */
void pk_parents_seen(struct pk_sync *sync, struct pk_znode *z, struct pk_bytes acl);

#endif
