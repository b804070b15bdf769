/*
 * One question to one server: srvr on a connection of its own.
 */
#ifndef PK_IO_UPSTREAM_PROBE_H
#define PK_IO_UPSTREAM_PROBE_H

#include "base/list.h"
#include "io/transport/side.h"

enum pk_probe_result {
    PK_PROBE_TEXT,   /* an answer */
    PK_PROBE_CLOSED, /* connected, and closed without an answer */
    PK_PROBE_SILENT, /* connected, and nothing came in time */
    PK_PROBE_FAILED, /* no connection, or not with TLS; text says why */
};

/* A handshake of TLS may take so many times connect-timeout: that of a JVM which has just started takes seconds. */
enum { PK_TLS_PATIENCE = 4 };

struct pk_probe;

/* How a probe ended that began at begun_us; it is in no list any more. text is the answer, or why there is none. */
typedef void pk_probe_done(void *owner, enum pk_probe_result result, const char *text, int64_t begun_us);

/*
 * Starts a probe, which stands at the end of the list while it runs, and ends with one call of done within
 * timeout_ms, or PK_TLS_PATIENCE times that for TLS, never before this returns. False when that cannot be; nothing
 * follows then. With upstream-tls name is whom the server's certificate must name; it stays where it is.
 */
bool pk_probe_start(struct pk_loop *loop, const struct sockaddr *address, const char *name,
                    int64_t timeout_ms, pk_probe_done *done, void *owner, struct pk_list *running);
/* Ends the oldest of a list without a result; false when none runs. */
bool pk_probe_cancel(struct pk_list *running);

#endif
