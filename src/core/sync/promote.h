/*
 * Promotion: local znodes that an unusual request names are created in the ensemble, with the counters that clients
 * have seen; then the request is judged again and finds them upstream.
 *
 *   per batch:  multi{create...} ──► multi{setData(0,""), setData(-1,"")..., setData(-1,newest), dummy create+delete}
 *   at the end: dummy create+delete pairs below upstream parents whose local deletes a request depends on
 */
#ifndef PK_CORE_SYNC_PROMOTE_H
#define PK_CORE_SYNC_PROMOTE_H

#include "core/sync/plan.h"
#include "core/sync/sync.h"

enum pk_promotion_step { PK_PROMOTION_CREATING, PK_PROMOTION_REPLAYING, PK_PROMOTION_PAIRS };

struct pk_promotion {
    struct pk_plan what;
    uint32_t next;  /* first of what.promote that is not promoted yet */
    uint32_t batch; /* how many from there are being created or replayed */
    uint32_t at;    /* replaying: which of the batch; pairs: which parent */
    int32_t done;   /* replayed steps of that one, or pairs in flight below that parent */
    enum pk_promotion_step step;
    bool parents_made;
    int32_t error;          /* of the first znode that was refused, 0 none */
    struct pk_list waiters; /* struct pk_wait.list */
};

/* Starts promoting what is planned on an uplink that has no promotion yet; takes the plan over. PK_ENOMEM: the caller
 * still owns it. */
enum pk_err pk_promote_begin(struct pk_sync *sync, struct pk_uplink *u, struct pk_plan *plan) PK_NODISCARD;
/* Takes the ensemble's answer to a step in. */
void pk_promote_answer(struct pk_sync *sync, struct pk_uplink *u, const struct pk_reply *r,
                       struct pk_bytes body);
/* The uplink is gone: what was being promoted stays local, marked uncertain; those who wait are woken. */
void pk_promote_drop(struct pk_sync *sync, struct pk_uplink *u);
/* A local znode whose path another has created in the ensemble meanwhile: the ensemble's stands, ours goes, said and
 * counted. u is the connection that found it, NULL none in particular. The caller tidies nothing: z may be gone. */
void pk_promote_lost(struct pk_sync *sync, struct pk_uplink *u, struct pk_znode *z);

#endif
