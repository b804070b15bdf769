/*
 * The pump between core and sockets.
 */
#ifndef PK_IO_CONN_PUMP_H
#define PK_IO_CONN_PUMP_H

struct pk_pairs;

/* Carries out what the core wants until it wants nothing more. Not to be called from within itself. */
void pk_pump(struct pk_pairs *conns);

#endif
