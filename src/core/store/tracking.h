/*
 * What hangs on few znodes: watches, requests in flight, those who wait, what is remembered for servers that lag.
 */
#ifndef PK_CORE_STORE_TRACKING_H
#define PK_CORE_STORE_TRACKING_H

#include "core/store/tree.h"

/* The tracking of a znode, made when it has none; NULL when out of memory. */
struct pk_tracking *pk_store_tracking(struct pk_store *store, struct pk_znode *z) PK_NODISCARD;
/* Frees it when nothing hangs on it any more. */
void pk_tracking_tidy(struct pk_store *store, struct pk_znode *z);
/* Frees it, whatever is remembered there. A znode without one is allowed. */
void pk_tracking_free(struct pk_store *store, struct pk_znode *z);

#endif
