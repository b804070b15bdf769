/*
 * What tests and copies see of a core beside its seam: whether its parts agree, and every change of what it holds.
 */
#ifndef PK_CORE_INSPECT_H
#define PK_CORE_INSPECT_H

#include "core/core.h"
#include "core/store/store.h"

/* Ends the process when a counter is not what it counts, or a list does not hold what states say. Between steps
 * only. */
void core_check(const struct core *core);
/* Every change from now on is told to the tap, which must not call the core. */
void core_tap(struct core *core, const struct pk_tap *tap);
/* Whether a client has proved this identity ("scheme:id"). */
bool core_is(const struct core *core, struct pk_id id, const char *identity);
/* Steps of work done until now (PK_TURN_WORK): what is counted does not depend on the machine. */
uint64_t core_worked(const struct core *core);
/* What is held, to be read. */
const struct pk_store *core_store(const struct core *core);

#endif
