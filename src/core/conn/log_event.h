/*
 * What the log should hear beside the ends of connections (log_events.def): a small ring that the driver empties.
 */
#ifndef PK_CORE_CONN_LOG_EVENT_H
#define PK_CORE_CONN_LOG_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "proto/jute.h"

enum pk_log_event_kind {
#define X(name, level, text) PK_LOG_EVENT_##name,
#include "core/conn/log_events.def"
#undef X
};

struct core_log_event {
    enum pk_log_event_kind kind;
    struct pk_id id; /* the connection on whose behalf, slot UINT32_MAX when none */
    char path[200];  /* null-terminated, cut when longer */
    int64_t number;
};

enum { PK_LOG_EVENTS = 32 };

struct pk_log_events {
    struct core_log_event v[PK_LOG_EVENTS];
    unsigned first, n;
};

/* Adds one; beyond PK_LOG_EVENTS it is dropped. */
void pk_log_events_add(struct pk_log_events *events, enum pk_log_event_kind kind, struct pk_id id,
                       struct pk_bytes path, int64_t number);
/* Takes the oldest out; false when there is none. */
bool pk_log_events_take(struct pk_log_events *events, struct core_log_event *event);

#endif
