/*
 * The service session: an uplink without a client, opened when there is something to do that no client's uplink can do,
 * closed when that is done.
 *
 *   promotions, orphaned flushes, restored znodes to compare, mounts to hand over
 *        │ none open
 *        ▼
 *   OPENING ──► session, addauth ──► work, one step at a time ──nothing left for a while──► closeSession
 *     ▲  └── fails ──► again after a second │
 *     └──── the same session elsewhere ◄────┘ no answer for a second, or the server is lost
 */
#ifndef PK_CORE_SYNC_SERVICE_H
#define PK_CORE_SYNC_SERVICE_H

#include "core/sync/sync.h"

/* Once per step: opens the session when there is work, or sends the next step when nothing is awaited. */
void pk_service_step(struct pk_sync *sync);
/* The session is there: the credentials are shown. */
void pk_service_up(struct pk_sync *sync, const struct pk_connect_response *res);
/* Closes it. */
void pk_service_leave(struct pk_sync *sync);
/* True when its server owes an answer for too long: it is to be left for another. */
bool pk_service_slow(const struct pk_sync *sync);
/* Its server is left: what was awaited is lost, and the connect request is for the same session on the next one, so
 * that nothing that is still on its way to the old one can be carried out any more. */
enum pk_err pk_service_moves(struct pk_sync *sync) PK_NODISCARD;
/* It has ended. What waits for a flush that nobody can do now is dropped. */
void pk_service_ended(struct pk_sync *sync, struct pk_uplink *u);

/* Replaces the credentials of service sessions; those that are open keep theirs. PK_ENOMEM: nothing changed. */
enum pk_err pk_service_set_auths(struct pk_sync *sync, const struct core_auth *auths, size_t n) PK_NODISCARD;

#endif
