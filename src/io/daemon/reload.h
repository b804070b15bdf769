/*
 * SIGHUP: the same command line and files once more, and what differs is changed while clients are served.
 */
#ifndef PK_IO_DAEMON_RELOAD_H
#define PK_IO_DAEMON_RELOAD_H

#include <stdbool.h>

struct pk_daemon;

/* Says line by line in the log what was changed, and what was not and why; who: on whose behalf. False: the
 * configuration has a mistake, or it stops already, and nothing is changed. */
bool pk_reload(struct pk_daemon *daemon, const char *who);

#endif
