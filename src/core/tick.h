/*
 * What time brings: handshakes that take too long, servers that do not answer, uplinks that have fallen silent, last
 * replies that nobody reads, flushes that are due, promotions old enough to be forgotten.
 */
#ifndef PK_CORE_TICK_H
#define PK_CORE_TICK_H

#include "core/state.h"

void pk_times_up(struct core *core);

#endif
