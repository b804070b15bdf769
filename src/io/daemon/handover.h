/*
 * The way of a mount to the ensemble after a reload, or into memory, from its beginning to its end, for the log.
 */
#ifndef PK_IO_DAEMON_HANDOVER_H
#define PK_IO_DAEMON_HANDOVER_H

#include <stddef.h>

struct pk_daemon;

/* The i-th mount has another mode: says how much goes to the ensemble now, if anything does. */
void pk_handover_begin(struct pk_daemon *daemon, size_t i);
/* The i-th mount is new, or named again: its beginning will be said. */
void pk_handover_new(struct pk_daemon *daemon, size_t i);
/* Time has passed: says which mounts are through or have begun, and what the ensemble refuses. */
void pk_handover_tick(struct pk_daemon *daemon);

#endif
