/*
 * What a request targets: path by path, how much of what is there it depends on (enum pk_scope), and what it may change
 * or watch there (enum pk_intent_kind). A pure iterator over the request's bytes (design.md 5.1).
 */
#ifndef PK_CORE_SERVE_TARGETS_H
#define PK_CORE_SERVE_TARGETS_H

#include "core/store/watch.h"
#include "core/sync/plan.h"

struct pk_request_target {
    struct pk_bytes path;
    uint8_t scope;   /* enum pk_scope */
    uint8_t intents; /* enum pk_intent_kind */
};

struct pk_targets {
    const struct pk_request *req;
    struct pk_in multi;
    struct pk_watches watches;
    struct pk_request_target second; /* of a create */
    bool started, has_second;
};

/*
 * The last ones of a request are often alike: below one mount, where nothing is known of them, nor to be watched. To
 * mark that mount is to mark all of them.
 */
struct pk_alike {
    uint32_t seen, from;          /* how many targets there are, and behind how many of them these begin */
    const struct pk_mount *mount; /* NULL: there are none */
};

void pk_targets_begin(struct pk_targets *t, const struct pk_request *req);
/* The next target; false at the end. A body that does not decode yields what could be read before the damage: the
 * ensemble refuses such a request whole. */
bool pk_targets_next(struct pk_targets *t, struct pk_request_target *target);
/* Adds what all of them depend on to a plan (pk_plan_add), and sees which are alike (zeroed). PK_ENOMEM: the plan is to
 * be freed. */
enum pk_err pk_targets_plan(struct pk_store *store, const struct pk_request *req, struct pk_plan *plan,
                            struct pk_alike *alike) PK_NODISCARD;

#endif
