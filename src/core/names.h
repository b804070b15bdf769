/*
 * What a request names: the paths whose born znodes must be in the ensemble before it can be relayed, and
 * what it may change or watch (design: "What a request names").
 */
#ifndef PK_CORE_NAMES_H
#define PK_CORE_NAMES_H

#include "core/sink.h"
#include "core/touch.h"

/* Collects what must be sunk into *what (zeroed by the caller, who frees it with pk_naming_free). */
enum pk_err pk_names_collect(struct core *core, const struct pk_request *req,
                             struct pk_naming *what) PK_NODISCARD;
/* Collects up to max born znodes of a mount that the ensemble has not refused, then absorbed deaths. */
enum pk_err pk_names_collect_mount(struct core *core, struct pk_mount *mount, uint32_t max,
                                   struct pk_naming *what) PK_NODISCARD;
/* Ties the entry to everything that the request may change or watch, and asks the uplink to catch up (sync)
 * where it may not have seen a recent sink of what the request names. */
enum pk_err pk_names_touch(struct core *core, struct pk_conn *c, const struct pk_request *req,
                           struct pk_entry *e) PK_NODISCARD;
/* Sends a sync for the path when the uplink may not have seen its sink yet. */
void pk_catch_up(struct core *core, struct pk_conn *c, const struct pk_znode *z);

#endif
