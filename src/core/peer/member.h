/*
 * A member of a group: who is primary, and what follows (design.md 16.1).
 *
 *              nothing there,        the ensemble           one heartbeat later,
 *              our turn              agreed                 the one before ended
 *   LOOKING ──────────► TRYING ──────────► TAKING ──────────────► PRIMARY ──SIGTERM──► HANDING ──► LEFT
 *     ▲  │ ▲               │ another was first │ another is           │ expired, another is primary    │
 *     │  │ └───────────────┘                   │                      │                                │
 *     │  ▼ another is primary                  │                      │                                │
 *   STANDBY ◄──────────────────────────────────┴── LOOKING ◄──────────┴────────────────────────────────┘
 *
 * It asks and writes on the service session, which is always open in a group.
 */
#ifndef PK_CORE_PEER_MEMBER_H
#define PK_CORE_PEER_MEMBER_H

#include "core/peer/self.h"

/* PK_ENOMEM; PK_EINVAL: a path or an address that may not be one. */
enum pk_err pk_member_new(struct pk_member **out, struct pk_sync *sync,
                          const struct core_group *group) PK_NODISCARD;
/* What the service session hears from here on is the member's. */
void pk_member_hook(struct pk_member *m);
/* Connections have been freed before. */
void pk_member_free(struct pk_member *m);

/* Once per step, behind everything else but the service session's work. */
void pk_member_step(struct pk_member *m);
/* It has something to do that needs no event. */
bool pk_member_pending(const struct pk_member *m);
/* A link has come: it is told of every change from now on. */
void pk_member_listen(struct pk_member *m);
/* Another member is to be primary. */
void pk_member_hand_over(struct pk_member *m);
bool pk_member_handed_over(const struct pk_member *m);

/* Clients go to the ensemble; or to the primary; or nowhere yet. */
bool pk_member_serves(const struct pk_member *m);
bool pk_member_relays(const struct pk_member *m);

#endif
