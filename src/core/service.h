/*
 * A service session to the ensemble: an uplink without a client, opened when there is something to do that no
 * client's uplink can do, closed when that is done.
 *
 *   orphaned flushes, restored znodes to look at, mounts to hand over
 *        │ none open
 *        ▼
 *   OPENING ──► session, addauth ──► work, one step at a time ──nothing left for a while──► closeSession
 *        └── fails ──► again after a second
 */
#ifndef PK_CORE_SERVICE_H
#define PK_CORE_SERVICE_H

#include "core/state.h"

/* There may be work: opens the connection when there is, or goes on with it. */
void pk_service_want(struct core *core);
/* Time has passed. */
void pk_service_tick(struct core *core);
/* The session is there: the credentials are shown. */
void pk_service_up(struct core *core, struct pk_conn *c);
/* The next step, when nothing is awaited. */
void pk_service_run(struct core *core, struct pk_conn *c);
/* It has closed. What waits for a flush that nobody can do now is dropped. */
void pk_service_closed(struct core *core, struct pk_conn *c);

/* Frees the credentials. */
void pk_auths_drop(struct core *core);

#endif
