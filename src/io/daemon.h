/*
 * The daemon: one loop from start to stop.
 */
#ifndef PK_IO_DAEMON_H
#define PK_IO_DAEMON_H

#include "io/config.h"

/* Serves until a signal stops it. Returns the exit status: 0 after a clean stop, 1 when it could not start.
 */
int pk_daemon_run(const struct pk_config *config);

#endif
