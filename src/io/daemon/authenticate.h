/*
 * Clients are authenticated here: the SASL library for the whole process, and what ZooKeeper's clients are told.
 */
#ifndef PK_IO_DAEMON_AUTHENTICATE_H
#define PK_IO_DAEMON_AUTHENTICATE_H

#include "base/err.h"

struct pk_daemon;

/* Makes the library ready where the configuration asks for it; else nothing. A failure is logged. */
enum pk_err pk_authenticate_open(struct pk_daemon *daemon) PK_NODISCARD;

#endif
