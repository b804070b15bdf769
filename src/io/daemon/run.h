/*
 * The daemon from start to stop.
 */
#ifndef PK_IO_DAEMON_RUN_H
#define PK_IO_DAEMON_RUN_H

struct pk_config;
struct pk_options;

/*
 * Serves until a signal stops it; config is read again from options at a reload. Returns the exit status: 0 after a
 * clean stop, 1 when it could not start, or not write the state file.
 */
int pk_daemon_run(struct pk_config *config, const struct pk_options *options);

#endif
