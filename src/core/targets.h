/*
 * What a request names: the paths whose local znodes must be in the ensemble before it can be relayed, and
 * what it may change or watch (design: "What a request names").
 */
#ifndef PK_CORE_TARGETS_H
#define PK_CORE_TARGETS_H

#include "core/intent.h"
#include "core/promote.h"

/* Collects what must be promoted into *what (zeroed by the caller, who frees it with pk_plan_free). */
enum pk_err pk_plan_request(struct core *core, const struct pk_request *req,
                            struct pk_plan *what) PK_NODISCARD;
/* Collects up to max local znodes of a mount that the ensemble has not refused, then local deletes. */
enum pk_err pk_plan_mount(struct core *core, struct pk_mount *mount, uint32_t max,
                          struct pk_plan *what) PK_NODISCARD;
/* Ties the entry to everything that the request may change or watch, and asks the uplink to catch up (sync)
 * where it may not have seen a recent promotion of what the request names. */
enum pk_err pk_plan_intend(struct core *core, struct pk_conn *c, const struct pk_request *req,
                           struct pk_entry *e) PK_NODISCARD;
/* Sends a sync for the path when the uplink may not have seen its promotion yet. */
void pk_catch_up(struct core *core, struct pk_conn *c, const struct pk_znode *z);

#endif
