/*
 * One question to one server: srvr on a connection of its own.
 */
#ifndef PK_IO_UPSTREAM_PROBE_H
#define PK_IO_UPSTREAM_PROBE_H

#include <stdint.h>

#include "base/err.h"

struct pk_server;

enum pk_probe_result {
    PK_PROBE_TEXT,   /* an answer */
    PK_PROBE_CLOSED, /* connected, and closed without an answer */
    PK_PROBE_SILENT, /* connected, and nothing came in time */
    PK_PROBE_FAILED, /* no connection; text says why */
};

struct pk_probe;

/*
 * Starts a probe, which ends with pk_upstream_probed within timeout_ms, never before this returns. On failure
 * nothing follows.
 */
enum pk_err pk_probe_start(struct pk_server *server, int64_t timeout_ms) PK_NODISCARD;
/* Ends it without a result. */
void pk_probe_cancel(struct pk_server *server);

#endif
