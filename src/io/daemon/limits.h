/*
 * The process's limit of file descriptors.
 */
#ifndef PK_IO_DAEMON_LIMITS_H
#define PK_IO_DAEMON_LIMITS_H

struct pk_io;

/*
 * Raises the limit as far as it goes, says so, and sets io->max_files and io->pair_limit: two descriptors for each client, some
 * kept back for the rest of the process, so that a client that was accepted also gets its uplink.
 */
void pk_limits_raise(struct pk_io *io);

/* Counts what is open before the first client, for io->files: later counting would keep everybody waiting. */
void pk_limits_count(struct pk_io *io);

#endif
