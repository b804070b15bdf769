/*
 * What outlives the process: the held znodes go to the state file at a stop, and come back at the next start.
 */
#ifndef PK_IO_STATE_PERSIST_H
#define PK_IO_STATE_PERSIST_H

#include <stdbool.h>

struct pk_loop;

/* Before the first client: reads the state file, if one is configured and there, and says what came of it. True when
 * znodes were taken from it. */
bool pk_persist_load(struct pk_loop *loop);
/* Clients are served: what was read has done its work and is removed. */
void pk_persist_remove(struct pk_loop *loop);
/* After the last client: writes the state file, if one is configured. False when it could not. */
bool pk_persist_save(struct pk_loop *loop);
/* Warns when a state file could not be written where it is configured. */
void pk_persist_check(struct pk_loop *loop);

#endif
