/*
 * What befalls the clients of the model test: connections that are held back, break or come in pieces, servers that
 * lag, trouble of the service session.
 */
#ifndef PK_TESTS_SIM_MODEL_TROUBLE_H
#define PK_TESTS_SIM_MODEL_TROUBLE_H

#include "model_clients.h"

/* A kind of schedules: what happens in them. */
struct model_kind {
    const char *name;
    bool foreign, breaks, lags, service_trouble, chunks;
    bool hangs; /* servers; else single connections */
    bool relay; /* nothing is absorbed: what the oracle says then is its own mistake */
};

/* Something befalls an actor that is connected, or all of them. */
void model_upset(struct model *m, int a, const struct model_kind *kind);

#endif
