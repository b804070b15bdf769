/*
 * Answers from memory. Each writes one reply whose header zxid is the highest already sent on the connection
 * (design section 6.5), so that no client ever shows a server a zxid that the server has not seen.
 */
#ifndef PK_CORE_LOCAL_H
#define PK_CORE_LOCAL_H

#include "core/state.h"

/* A reply without a body. */
void pk_local_header(struct core *core, struct pk_conn *c, int32_t xid, int32_t err);
/* True when memory answers this read of the path now: it is held, or cached and the read is exists (*z), or it is
 * certainly absent below a held parent (*z NULL). */
bool pk_local_readable(const struct core *core, struct pk_conn *c, struct pk_bytes path, int32_t op,
                       struct pk_znode **z);
/* Answers exists, getData, getChildren(2), getACL or getAllChildrenNumber from what pk_local_readable found. */
bool pk_local_answer(struct core *core, struct pk_conn *c, int32_t xid, int32_t op, struct pk_znode *z);
/* Both; false, with nothing written, when memory cannot (any more). */
bool pk_local_read(struct core *core, struct pk_conn *c, int32_t xid, int32_t op, struct pk_bytes path);
/* The znode of a path, by the connection's memory of its newest one first. */
struct pk_znode *pk_local_find(const struct core *core, struct pk_conn *c, struct pk_bytes path);

/* setData on a held znode that no promotion keeps, or a cached one that absorbs it. */
void pk_local_set(struct core *core, struct pk_conn *c, const struct pk_request *req, struct pk_znode *z);
/* delete of a held znode that no promotion keeps, nor its parent. */
void pk_local_delete(struct core *core, struct pk_conn *c, const struct pk_request *req, struct pk_znode *z);
/* create or create2 of a path of which nothing is held, below a known or held parent. */
void pk_local_create(struct core *core, struct pk_conn *c, const struct pk_request *req,
                     struct pk_mount *mount);

#endif
