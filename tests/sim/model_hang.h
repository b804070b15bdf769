/*
 * The fault "a server hangs" of the model test, and what must hold meanwhile: a request is answered within a bound that
 * depends on its own connection only.
 */
#ifndef PK_TESTS_SIM_MODEL_HANG_H
#define PK_TESTS_SIM_MODEL_HANG_H

#include "model_clients.h"

/* Nothing has been sent, no server hangs. */
void model_hang_begin(struct model *m);
/* A server begins to hang, or the one that does goes on. */
void model_hang(struct model *m);
/* What was sent since the last call is noted; the oracle is told of what has waited for too long. */
void model_hang_check(struct model *m);

#endif
