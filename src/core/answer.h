/*
 * Answers on their way to the client: in request order, each changed as its entry says.
 */
#ifndef PK_CORE_ANSWER_H
#define PK_CORE_ANSWER_H

#include "core/relay.h"

/* A whole answer has come in (f->p with its length word). It is emitted at once when its turn has come, else
 * parked; what waited behind it follows. */
void pk_answer_arrived(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_frame *f);
/* A notification has come in. */
void pk_event_arrived(struct core *core, struct pk_conn *c, const struct pk_frame *f);

/* True when the answer whose header this is may pass through as its bytes come in; pk_answer_passes must
 * follow, and pk_answer_passed when the last byte has been passed on. */
bool pk_answer_may_pass(const struct core *core, const struct pk_conn *c, const struct pk_entry *e,
                        const struct pk_reply *r);
void pk_answer_passes(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_reply *r);
void pk_answer_passed(struct core *core, struct pk_conn *c, struct pk_entry *e);

/* Emits what has become due: parked answers, local reads. */
void pk_answers_advance(struct core *core, struct pk_conn *c);

#endif
