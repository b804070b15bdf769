/*
 * The end of a schedule of the model test: all that is dirty is made to be flushed, and the ensemble must have what the
 * clients saw.
 */
#ifndef PK_TESTS_SIM_MODEL_END_H
#define PK_TESTS_SIM_MODEL_END_H

#include "model_clients.h"

/* Calms everything down, and has what is dirty flushed in one of the ways in which that may happen: by time, by a
 * watch, by the end of the clients or of the proxy. The oracle is told of what is missing, or left over. */
void model_end(struct model *m);

#endif
