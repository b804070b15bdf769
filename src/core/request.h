/*
 * Judging a request: local, relayed, or something that has to happen first.
 */
#ifndef PK_CORE_REQUEST_H
#define PK_CORE_REQUEST_H

#include "core/relay.h"

enum pk_decision {
    PK_TAKEN, /* answered, queued or relayed: the next one may be judged */
    PK_WAITS, /* judge it again when the connection is woken; nothing behind it is looked at meanwhile */
};

/* Judges the oldest request that has not been taken. May end the connection (pk_conn_close). */
enum pk_decision pk_route(struct core *core, struct pk_conn *c, const struct pk_frame *f);

#endif
