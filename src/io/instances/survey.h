/*
 * What the ensemble already holds below the mounts: asked once after the start on a service session, said
 * in the log, and nothing else depends on it.
 */
#ifndef PK_IO_INSTANCES_SURVEY_H
#define PK_IO_INSTANCES_SURVEY_H

struct pk_io;

/* Starts the survey once a server serves. */
void pk_survey_tick(struct pk_io *io);
/* Has a running survey end soon; its end is reported to the loop all the same. */
void pk_survey_cancel(struct pk_io *io);

#endif
