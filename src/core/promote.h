/*
 * Promoting: local znodes that an unusual request names are created in the ensemble, with the counters that
 * clients have seen, on the requester's uplink; then the request is judged again and finds them upstream.
 *
 *   per batch:  multi{create...} ──► multi{setData(0,""), setData(-1,"")..., setData(-1,newest), dummy
 * create+delete} at the end: dummy create+delete pairs below upstream parents whose local deletes a request
 * depends on
 */
#ifndef PK_CORE_PROMOTE_H
#define PK_CORE_PROMOTE_H

#include "core/state.h"

/* What a request names, or what else is to be promoted: filled in by targets.h, taken over by pk_promotion_begin. */
struct pk_plan {
    struct pk_znode **v; /* local znodes, ancestors first */
    uint32_t n, cap;
    struct pk_znode **settle; /* upstream parents with local deletes */
    uint32_t npairs, settle_cap;
    struct pk_znode **cached; /* znodes whose cached znodes must be clean */
    uint32_t ncached, cached_cap;
    bool busy; /* one of them is being promoted by another connection */
};

enum pk_promotion_step { PK_PROMOTION_CREATING, PK_PROMOTION_REPLAYING, PK_PROMOTION_PAIRS };

struct pk_promotion {
    struct pk_plan what;
    uint32_t next;  /* first of what.v that is not promoted yet */
    uint32_t batch; /* how many from there are being created or replayed */
    uint32_t at;    /* replaying: which of the batch; replaying_pairs: which parent */
    int32_t done;   /* replayed steps of that one, or pairs in flight below that parent */
    enum pk_promotion_step step;
    bool parents_made;
    int32_t error; /* of the first znode that was refused, 0 none */
};

/* Starts promoting what is named; takes the arrays over. PK_ENOMEM: the caller still owns them. */
enum pk_err pk_promotion_begin(struct core *core, struct pk_conn *c, struct pk_plan *what) PK_NODISCARD;
/* Takes the ensemble's answer to a step in. */
void pk_promotion_answer(struct core *core, struct pk_conn *c, const struct pk_reply *r,
                         struct pk_bytes body);
/* A local znode whose path another has created in the ensemble meanwhile: the ensemble's stands, ours goes, with a
 * note and a count. c is the connection that found it, NULL none in particular. */
void pk_promotion_lost(struct core *core, struct pk_conn *c, struct pk_znode *z);
/* The uplink is gone: what was being promoted stays local, marked uncertain; those who wait are woken. */
void pk_promotion_drop(struct core *core, struct pk_conn *c);

void pk_plan_free(struct core *core, struct pk_plan *what);

#endif
