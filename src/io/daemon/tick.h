/*
 * Time that passes, for everybody in the process.
 */
#ifndef PK_IO_DAEMON_TICK_H
#define PK_IO_DAEMON_TICK_H

struct pk_daemon;

/* Starts the tick. */
void pk_tick_start(struct pk_daemon *daemon);

#endif
