/*
 * What the ensemble already holds below the mounts: asked once after the start on a service session, said
 * in the log, and nothing else depends on it.
 */
#ifndef PK_IO_INSTANCES_SURVEY_H
#define PK_IO_INSTANCES_SURVEY_H

#include <stdbool.h>

struct pk_loop;
struct pk_survey;
struct pk_upstream;

/* Begins nothing yet; NULL when memory is short. */
struct pk_survey *pk_survey_new(struct pk_loop *loop);
/* Starts the survey once a server serves. */
void pk_survey_tick(struct pk_survey *survey, struct pk_upstream *upstream);
/* Ends a running survey. */
void pk_survey_cancel(struct pk_survey *survey);
/* After the loop has ended; NULL is allowed. */
void pk_survey_free(struct pk_survey *survey);

#endif
