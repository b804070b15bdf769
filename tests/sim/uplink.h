/*
 * The ensemble's end of the core's uplinks: they come up, their frames reach the model ensemble in order, and they
 * break, with what is on its way delivered, lost, or executed after everybody saw the break.
 */
#ifndef PK_TESTS_SIM_UPLINK_H
#define PK_TESTS_SIM_UPLINK_H

#include "driver.h"

/* The ensemble looks at n requests of a held connection. */
void sim_release(struct sim *s, int c, int n);
/* The uplink breaks, after the ensemble looked at that many more requests. */
void sim_lose(struct sim *s, int c, int frames, enum sim_loss how);
/* The ensemble executes n of the requests that were on their way when an uplink broke. */
void sim_late(struct sim *s, int n);
/* An answer without a body is on its way to the core, as the server that c is connected to may give one. */
void sim_answer(struct sim *s, int c, int xid, int64_t zxid, int err);

/* Between the halves of the driver. */
void sim_uplink_init(struct sim *s);
int sim_free_link(struct sim *s);
/* The same whatever is behind: an uplink comes up at this link; the one that the core gave up has ended. */
void sim_uplink_up(struct sim *s, int c, int link);
void sim_uplink_ended(struct sim_conn *conn);

#endif
