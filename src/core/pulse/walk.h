/*
 * DELETE_PATH in the ensemble: depth first, one request at a time.
 */
#ifndef PK_CORE_PULSE_WALK_H
#define PK_CORE_PULSE_WALK_H

#include "core/pulse/job.h"

/* What the job does next. */
enum pk_walk {
    PK_WALK_ASKS, /* op and at are set */
    PK_WALK_ENDS,
    PK_WALK_NO_MEMORY,
};

/* The walk begins at the job's path. */
enum pk_walk pk_walk_begin(struct pk_job *job);
/* Its request was answered. */
enum pk_walk pk_walk_answer(struct pk_pacemaker *pm, struct pk_job *job, const struct pk_reply *r,
                            struct pk_bytes body);
/* Forgets how far it has come. */
void pk_walk_drop(struct pk_pacemaker *pm, struct pk_job *job);

#endif
