/*
 * What must hold in a group beside what clients are told (oracle.h): one member reigns, memory goes only with
 * everybody who has a copy, nobody's session is prolonged, and everybody is served again when the faults are over.
 */
#ifndef PK_TESTS_SIM_GROUP_WATCHDOG_H
#define PK_TESTS_SIM_GROUP_WATCHDOG_H

#include "client.h"
#include "tests/sim/tree.h"

#define GROUP_PATH "/pacekeeper/group"

void watchdog_start(struct world *w);
void watchdog_stop(struct world *w);

/* The ensemble has carried out one more entry of its log; the tree has the changes that it made. */
void watchdog_sees(struct world *w, const struct tree *tree, int64_t session, bool expired);
/* A member's core has done something. */
void watchdog_looks(struct world *w, int m);
/* A member has a new process. */
void watchdog_starts(struct world *w, int m);
/* A byte of a client has reached a member. */
void watchdog_reached(struct world *w, int client);
/* The client has a session. */
void watchdog_session(struct world *w, int client, int64_t session);
void watchdog_disconnected(struct world *w, int client);
void watchdog_expired(struct world *w, int client);
/* From time to time, of each client. */
void watchdog_client(struct world *w, const struct client *c);
/* A fault begins or ends that may keep a member from what it has to do. */
void watchdog_troubled(struct world *w, int m, int64_t until_us);
/* Somebody wipes what the ensemble has of the group: not the members' doing. */
void watchdog_wiped(struct world *w);
/* The schedule is over. */
void watchdog_ends(struct world *w);

struct watchdog_figures {
    int takeovers, without_copy, list_changes, disconnects, expired;
};
struct watchdog_figures watchdog_figures(const struct world *w);

#endif
