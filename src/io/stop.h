/*
 * Signals and the end.
 *
 *   SIGTERM, SIGINT ──► stop accepting, drain ──► all connections gone, or stop-timeout, or a second signal
 *                                                  ──► every handle closes ──► the loop ends
 */
#ifndef PK_IO_STOP_H
#define PK_IO_STOP_H

#include <stdbool.h>

struct pk_io;

/* Installs the signal handlers. */
void pk_stop_signals(struct pk_io *io);
/* Closes every handle; the loop ends by itself when their callbacks have run. */
void pk_stop_finish(struct pk_io *io);
/* After the loop: frees everything. False when handles were left, which is said in the log. */
bool pk_stop_free(struct pk_io *io);

#endif
