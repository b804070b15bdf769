/*
 * Answers on their way to the client: in request order, each changed as its entry says.
 */
#ifndef PK_CORE_SERVE_ANSWER_H
#define PK_CORE_SERVE_ANSWER_H

#include "core/sync/sync.h"

/* A whole answer has come in. It is emitted at once when its turn has come, else parked; what waited behind it follows.
 * An internal one goes to its owner. */
void pk_answer_arrived(struct pk_sync *sync, struct pk_uplink *u, struct pk_entry *e,
                       const struct pk_answer_frame *a);
/* A notification has come in. */
void pk_event_arrived(struct pk_sync *sync, struct pk_client *c, const struct pk_answer_frame *a);

/* What its answer depends on: below a mount it is told as memory is. */
static inline enum pk_depends pk_answer_depends(const struct pk_entry *e)
{
    return e->below ? PK_ON_MEMORY : PK_ON_ORDER;
}

/* True when the answer whose header this is may pass through as its bytes come in; pk_answer_passes must follow, and
 * pk_answer_passed when the last byte has been passed on. */
bool pk_answer_may_pass(const struct pk_sync *sync, const struct pk_uplink *u, const struct pk_entry *e,
                        const struct pk_reply *r);
void pk_answer_passes(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e,
                      const struct pk_reply *r);
void pk_answer_passed(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e);

/* Emits what has become due: parked answers, local reads. */
void pk_answers_advance(struct pk_sync *sync, struct pk_client *c);
/* There will be no answer: the entry's intents end, its owner is told, and it is freed. */
void pk_answer_lost(struct pk_sync *sync, struct pk_uplink *u, struct pk_entry *e);

#endif
