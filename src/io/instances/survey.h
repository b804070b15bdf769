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
void pk_survey_tick(struct pk_survey *survey, const struct pk_upstream *upstream);
/* Has a running survey end soon; its end is reported to the loop all the same. */
void pk_survey_cancel(struct pk_survey *survey);
/* Its thread has not come back yet. */
bool pk_survey_running(const struct pk_survey *survey);
/* When it is not running; NULL is allowed. */
void pk_survey_free(struct pk_survey *survey);

#endif
