/*
 * The ring of log events.
 *
 * Happy path: a handful in a process's life.
 * Failure modes: what does not fit is dropped: a fault that repeats has been said already.
 */
#include "core/conn/log_event.h"

void pk_log_events_add(struct pk_log_events *events, enum pk_log_event_kind kind, struct pk_id id,
                       struct pk_bytes path, int64_t number)
{
    if (events->n == PK_LOG_EVENTS)
        return;
    struct core_log_event *e = &events->v[(events->first + events->n++) % PK_LOG_EVENTS];
    *e = (struct core_log_event){.kind = kind, .id = id, .number = number};
    size_t len = path.len < sizeof e->path - 1 ? path.len : sizeof e->path - 1;
    if (len > 0)
        memcpy(e->path, path.p, len);
    e->path[len] = '\0';
}

bool pk_log_events_take(struct pk_log_events *events, struct core_log_event *event)
{
    if (events->n == 0)
        return false;
    *event = events->v[events->first];
    events->first = (events->first + 1) % PK_LOG_EVENTS;
    events->n--;
    return true;
}
