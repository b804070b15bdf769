/*
 * What requests do to the standing watches of their client (core/store/standing.h), and to the credentials that are
 * kept for it, so that both can be shown another server.
 */
#ifndef PK_CORE_SERVE_WATCHING_H
#define PK_CORE_SERVE_WATCHING_H

#include "core/conn/hold.h"
#include "core/sync/sync.h"

/* Requests of this type set watches in bulk. */
static inline bool pk_watching_sets(int32_t op)
{
    return op == PK_OP_SET_WATCHES || op == PK_OP_SET_WATCHES2;
}

/* A request is being relayed: what it asks for in bulk is noted. */
void pk_watching_asked(struct pk_conns *conns, struct pk_client *c, const struct pk_request *req);
/* The answer to a request is leaving for the client; err is its header's. */
void pk_watching_answered(struct pk_conns *conns, struct pk_client *c, const struct pk_entry *e, int32_t err);
/* An event is leaving for the client. */
void pk_watching_told(struct pk_conns *conns, struct pk_client *c, const struct pk_watcher_event *event);
/* True when no watch stands that such an event would be for. */
bool pk_watching_nothing(const struct pk_conns *conns, const struct pk_client *c,
                         const struct pk_watcher_event *event);

#endif
