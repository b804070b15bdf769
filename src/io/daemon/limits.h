/*
 * The process's limit of file descriptors.
 */
#ifndef PK_IO_DAEMON_LIMITS_H
#define PK_IO_DAEMON_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct pk_io;

/*
 * Raises the limit as far as it goes, says so, and sets io->pair_limit: two descriptors for each client, some
 * kept back for the rest of the process, so that a client that was accepted also gets its uplink.
 */
void pk_limits_raise(struct pk_io *io);

/* Descriptors open now, and allowed; -1 when unknown. */
int64_t pk_limits_open_files(void);
int64_t pk_limits_max_files(void);

#endif
