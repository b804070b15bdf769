/*
 * What a request names: the paths whose born znodes must be in the ensemble before it can be relayed, and
 * what it may change or watch (design: "What a request names").
 */
#ifndef PK_CORE_NAMES_H
#define PK_CORE_NAMES_H

#include "core/sink.h"
#include "core/touch.h"

enum pk_names_kind {
    PK_NAMES_SELF = 1,     /* the znode and its born ancestors */
    PK_NAMES_CHILDREN = 2, /* its born children too */
    PK_NAMES_SUBTREE = 4,  /* itself and everything below it, with all absorbed deaths */
    PK_NAMES_DEATHS = 8,   /* its absorbed child deaths, when it is upstream */
};

/* One path that a request names. */
struct pk_target {
    struct pk_bytes path;
    uint8_t names; /* enum pk_names_kind */
    uint8_t touch; /* enum pk_touch_kind */
};

/* Iterates over what a request names. */
struct pk_targets {
    const struct pk_request *req;
    struct pk_in multi;
    struct pk_watches watches;
    struct pk_target pending; /* the second target of a create */
    bool started, has_pending;
};

void pk_targets_begin(struct pk_targets *t, const struct pk_request *req);
bool pk_targets_next(struct pk_targets *t, struct pk_target *target);

/* Collects what must be sunk into *what (zeroed by the caller, who frees it with pk_naming_free). */
enum pk_err pk_names_collect(struct core *core, const struct pk_request *req,
                             struct pk_naming *what) PK_NODISCARD;
/* Ties the entry to everything that the request may change or watch, and asks the uplink to catch up (sync)
 * where it may not have seen a recent sink of what the request names. */
enum pk_err pk_names_touch(struct core *core, struct pk_conn *c, const struct pk_request *req,
                           struct pk_entry *e) PK_NODISCARD;
/* Sends a sync for the path when the uplink may not have seen its sink yet. */
void pk_catch_up(struct core *core, struct pk_conn *c, const struct pk_znode *z);

#endif
