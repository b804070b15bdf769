/*
 * Signals. None but SIGKILL ends the process without a stop (stop.h).
 */
#ifndef PK_IO_DAEMON_SIGNALS_H
#define PK_IO_DAEMON_SIGNALS_H

struct pk_daemon;

/* Installs the handlers; what has no meaning here is ignored. */
void pk_signals_open(struct pk_daemon *daemon);
/* Closes them; from now on every signal is ignored, so that the state file is written whatever comes. */
void pk_signals_close(struct pk_daemon *daemon);

#endif
