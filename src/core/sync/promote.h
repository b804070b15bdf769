/*
 * Promotion: local znodes that an unusual request names are created in the ensemble, with the counters that clients
 * have seen, on the service session; then the request is judged again and finds them upstream.
 *
 *   wanted ──in their order, ancestors first──► batch: one multi for each { create, replayed steps } ──OK──► promoted
 *     ▲  still answered from memory                │ busy: writes wait                     │ refused, there already
 *     └──not there────── verified ◄──no answer─────┘                                       └──► local, or theirs
 *
 * Nobody waits on somebody else's connection: only the batch under way is busy, a batch is small, and one whose answer
 * does not come in time is verified (sync, getData, getACL) on another server before anything else is done about it.
 */
#ifndef PK_CORE_SYNC_PROMOTE_H
#define PK_CORE_SYNC_PROMOTE_H

#include "core/sync/plan.h"
#include "core/sync/sync.h"

/* What is planned is wanted from now on; of the steps that a request may replay each znode gets its share. *replayed:
 * those of the plans before, to which these are added. PK_ENOMEM: some may be wanted. */
enum pk_err pk_promote_want(struct pk_sync *sync, const struct pk_plan *plan, int64_t *replayed) PK_NODISCARD;
/* One local znode, or the local deletes below an upstream parent. PK_ENOMEM: nothing is. */
enum pk_err pk_promote_want_one(struct pk_sync *sync, struct pk_znode *z) PK_NODISCARD;
/* True when there is something for pk_promote_step. */
static inline bool pk_promote_pending(const struct pk_sync *sync)
{
    return sync->promoter.batch != NULL || !pk_list_empty(&sync->promoter.wanted);
}
/* Sends the next batch, or the questions about one that was not answered, on an uplink on which nothing internal is
 * awaited; false when there is nothing to send. */
bool pk_promote_step(struct pk_sync *sync, struct pk_uplink *u);
/* The same with the first of this plan, for a client whose credentials the service session lacks. */
bool pk_promote_for(struct pk_sync *sync, struct pk_uplink *u, const struct pk_plan *plan);
/* Takes an answer in. part: 0 of a batch, else which question. */
void pk_promote_answer(struct pk_sync *sync, struct pk_uplink *u, int part, const struct pk_reply *r,
                       struct pk_bytes body);
/* The batch will get no answer on this uplink: it is verified on another. broken: the uplink died of it, perhaps. */
void pk_promote_lost(struct pk_sync *sync, bool broken);
/* A znode whose promotion was under way in another process: what became of it is asked before all else. PK_ENOMEM. */
enum pk_err pk_promote_adopt(struct pk_sync *sync, struct pk_znode *z) PK_NODISCARD;
/* Forgets what is wanted and what is under way, of which nothing is to come any more: memory is dropped. */
void pk_promote_forget(struct pk_sync *sync);
/* The uplink ends, also where the batch under way awaits nothing of it. */
void pk_promote_left(struct pk_sync *sync, const struct pk_uplink *u);
/* Time has passed: a batch that is not answered is left. */
void pk_promote_tick(struct pk_sync *sync);
/* Everyone who waits for what is wanted is judged again: the service session does not come up. */
void pk_promote_wake(struct pk_sync *sync);

/* A local znode whose path another has created in the ensemble meanwhile: the ensemble's stands, ours goes, said and
 * counted. u is the connection that found it, NULL none in particular. z may be gone afterwards. */
void pk_promote_theirs(struct pk_sync *sync, struct pk_uplink *u, struct pk_znode *z);

void pk_promoter_init(struct pk_sync *sync);
void pk_promoter_drop(struct pk_sync *sync);

#endif
