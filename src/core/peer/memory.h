/*
 * What becomes of memory when the role changes: taken over from the copy, begun empty, or dropped.
 */
#ifndef PK_CORE_PEER_MEMORY_H
#define PK_CORE_PEER_MEMORY_H

#include "core/peer/self.h"

/* Mounts are asleep while we are not primary: watched, and nothing is absorbed. */
void pk_memory_sleep(struct pk_member *m);
/* We are to serve: the next piece of what the copy has (listed) becomes memory, which nobody is told of before we do.
 * True: all of it has, or there is nothing to restore. */
bool pk_memory_restore(struct pk_member *m);
/* There is another piece. */
bool pk_memory_restoring(const struct pk_member *m);
/* We serve: memory is what was restored, or what we had all the time, or empty. */
void pk_memory_take_over(struct pk_member *m);
/* Our session is over, and perhaps nobody else is there: what we hold becomes our copy. Memory short: there is none. */
void pk_memory_keep(struct pk_member *m);
/* Another one has it: ours is forgotten. */
void pk_memory_drop(struct pk_member *m);

#endif
