/*
 * What is counted of held and cached znodes: the mount's and the core's figures, how much is below each znode, so that
 * nobody has to walk for a count, and the highest zxid that was made up below a mount. For apply.c and record.c alone.
 */
#ifndef PK_CORE_STORE_ACCOUNT_H
#define PK_CORE_STORE_ACCOUNT_H

#include "core/store/tree.h"

/* A znode becomes held (sign 1), or is held no more (-1). */
void pk_account_held(struct pk_store *store, struct pk_znode *z, int sign);
/* The same for a cached value. */
void pk_account_cached(struct pk_store *store, const struct pk_znode *z, int sign);
/* Its data grows by so many bytes. */
void pk_account_bytes(struct pk_store *store, const struct pk_znode *z, int64_t more);
/* Its state becomes another; what it holds is accounted for apart. */
void pk_account_state(struct pk_znode *z, enum pk_znode_state to);
/* This zxid was made up for the znode, or a copy has it: what is created below that mount has a higher one. */
void pk_account_made(const struct pk_store *store, const struct pk_znode *z, int64_t zxid);

#endif
