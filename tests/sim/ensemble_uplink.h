/*
 * An ensemble of several servers behind the uplinks of a driver: who is connected where, what servers say when they are
 * asked, and which of them may take up a session that is held. Several drivers may share one ensemble; time passes
 * in the one that advances.
 */
#ifndef PK_TESTS_SIM_ENSEMBLE_UPLINK_H
#define PK_TESTS_SIM_ENSEMBLE_UPLINK_H

#include "driver.h"
#include "ensemble.h"

struct sim_ground {
    struct sim *s;
    struct ensemble *ensemble;
    struct {
        int server; /* where its uplink is, or was last */
        uint32_t tried;
        int64_t asked_us;                     /* since when its server is asked, 0: it is not */
        int64_t not_before_us[ENSEMBLE_MOST]; /* it has let the session down lately */
        bool welcomed;                        /* it has answered anything */
    } at[SIM_CONNS];
    /* Each frame that the core wrote upstream, the connect request first. NULL: none. */
    void (*wrote)(void *ctx, int c, const uint8_t *p, size_t len);
    void *ctx;
};

/* Puts the ensemble behind a driver that has no connection yet; both outlive the ground. */
void sim_ground_init(struct sim_ground *g, struct sim *s, struct ensemble *e);

#endif
