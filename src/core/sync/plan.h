/*
 * A plan: what must be promoted, replayed and flushed before a request can be relayed.
 */
#ifndef PK_CORE_SYNC_PLAN_H
#define PK_CORE_SYNC_PLAN_H

#include "core/store/store.h"

/* How much of what is at a path a request depends on. */
enum pk_scope {
    PK_SCOPE_SELF = 1,     /* the znode and its local ancestors */
    PK_SCOPE_CHILDREN = 2, /* its local children too */
    PK_SCOPE_SUBTREE = 4,  /* itself and everything below it, with all local deletes */
    PK_SCOPE_DELETES = 8,  /* local deletes below it, when it is upstream */
    PK_SCOPE_DATA = 16,    /* its data and version: what was absorbed is flushed */
};

/* A growing list of znodes. */
struct pk_znodes {
    struct pk_znode **v;
    uint32_t n, cap;
};

/*
 * A plan has a bound: what there is beyond comes into the next one, when these are promoted. To plan for hundreds of
 * thousands at once would keep everybody waiting.
 */
enum { PK_PLAN_MOST = 2000 };

struct pk_plan {
    struct pk_znodes promote; /* local znodes, ancestors first */
    struct pk_znodes pairs;   /* upstream parents with local deletes */
    struct pk_znodes cached;  /* znodes whose cached values must be clean */
    uint32_t steps;           /* of walks over znodes that this took */
    uint32_t held;            /* local znodes below those that were walked over */
    bool full;                /* there may be more to promote: what is to be flushed is not known yet */
};

/* Adds what the scope asks for at a path (target of pk_store_target) to a plan, zeroed before the first;
 * pk_store_walk_begin was called then. Above the mounts only a subtree matters. watch: it is asked for by a watch,
 * which sees what the ensemble sees where a watch does not end absorbing; only the znode itself must be there then. A
 * full plan takes no more. PK_ENOMEM: the plan is to be freed. */
enum pk_err pk_plan_add(struct pk_store *store, struct pk_plan *plan, const struct pk_target *target,
                        struct pk_bytes path, uint8_t scope, bool watch) PK_NODISCARD;
/* Collects up to max local znodes of a mount that the ensemble has not refused, then local deletes. */
enum pk_err pk_plan_mount(struct pk_store *store, struct pk_mount *mount, uint32_t max,
                          struct pk_plan *plan) PK_NODISCARD;
void pk_plan_free(struct pk_store *store, struct pk_plan *plan);

#endif
