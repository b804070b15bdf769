/*
 * Asking before a local create: whether the ensemble has the path, and whether its parent lets everybody create and
 * delete.
 *
 *   sync(path) ─ exists(path) ─ getACL(parent)  in one pipeline on the client's uplink; then memory is asked again
 *
 * A precheck is worthless when anything that may have changed its answers has happened meanwhile: the create is relayed
 * then (design.md 5.3).
 */
#ifndef PK_CORE_SYNC_PRECHECK_H
#define PK_CORE_SYNC_PRECHECK_H

#include "core/sync/sync.h"

/* Sends the questions for a local create at path below a mount; the client's pending request waits meanwhile.
 * PK_ENOMEM: nothing more is sent, and the client is to end. */
enum pk_err pk_precheck_begin(struct pk_sync *sync, struct pk_client *c, struct pk_mount *mount,
                              struct pk_bytes path) PK_NODISCARD;
/* Takes an answer in. part: which question. */
void pk_precheck_answer(struct pk_sync *sync, void *owner, int part, const struct pk_reply *r,
                        struct pk_bytes body);
/* True once every question is answered. */
bool pk_precheck_done(const struct pk_precheck *p);
/* True when the answers allow a local create. */
bool pk_precheck_allows(const struct pk_precheck *p);
/* Why it does not. */
enum pk_reason pk_precheck_reason(const struct pk_precheck *p);
/* Ends the pending request's precheck, if there is one. */
void pk_precheck_drop(struct pk_sync *sync, struct pk_client *c);

#endif
