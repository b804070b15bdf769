/*
 * Znodes of somebody else at paths of workers: he makes them past all members, with an ACL that lets others only read,
 * and takes them away again. While one is there, the worker's writes may be refused, and what is read may be his; when
 * it is gone, what the worker had is gone, or is not. What must hold is that nobody but him deletes it or writes to it.
 */
#ifndef PK_TESTS_SIM_GROUP_FOREIGN_H
#define PK_TESTS_SIM_GROUP_FOREIGN_H

#include "tests/sim/tree.h"
#include "world.h"

void foreign_start(struct world *w);
void foreign_stop(struct world *w);
/* He makes one at the path of a worker, numbered from 0, and takes it away after a time. */
void foreign_comes(struct world *w, int number, int64_t until_us);
/* The ensemble has carried out a change, which a session asked for; -1 somebody who has none. */
void foreign_sees(struct world *w, const struct tree *tree, const struct tree_change *c, int64_t session);
/* So many were made. */
int foreign_made(const struct world *w);
/* His may be what clients are told of at this path of the oracle. */
bool foreign_here(const struct world *w, int path);

#endif
