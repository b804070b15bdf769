/*
 * What the loop does besides reading and writing: time, left-over work, and the pump between core and
 * sockets.
 */
#ifndef PK_IO_DAEMON_TICK_H
#define PK_IO_DAEMON_TICK_H

struct pk_io;

/* Sets the timers and the idle handle up and starts the tick. */
void pk_ticks_open(struct pk_io *io);

#endif
