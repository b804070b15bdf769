/*
 * SIGHUP: the same command line and files once more, and what differs is changed while clients are served.
 */
#ifndef PK_IO_DAEMON_RELOAD_H
#define PK_IO_DAEMON_RELOAD_H

struct pk_daemon;

/* Says line by line what was changed, and what was not and why. A configuration with a mistake changes nothing. */
void pk_reload(struct pk_daemon *daemon);

#endif
