/*
 * The daemon: one loop from start to stop.
 */
#ifndef PK_IO_DAEMON_DAEMON_H
#define PK_IO_DAEMON_DAEMON_H

#include "io/config/options.h"

/*
 * Serves until a signal stops it; config is read again from options at a reload. Returns the exit status: 0 after a
 * clean stop, 1 when it could not start, or not write the state file.
 */
int pk_daemon_run(struct pk_config *config, const struct pk_options *options);

struct pk_io;

/* Says in the log what a configuration's notes say. */
void pk_daemon_notes(struct pk_io *io, const struct pk_config *config);

#endif
