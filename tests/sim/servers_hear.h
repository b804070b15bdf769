/* Between the halves of the random clients (servers_clients.h). */
#ifndef PK_TESTS_SIM_SERVERS_HEAR_H
#define PK_TESTS_SIM_SERVERS_HEAR_H

#include "servers_clients.h"
#include "zk_ops.h"

/* Takes in what has come, and says what is wrong with it. */
void person_hear(struct sim_ground *g, int who);
void person_set_watches(struct sim_ground *g, struct person *p);
/* For how long a server has served without a break, in ms; it is the test that knows. */
int64_t servers_good_ms(int server);

#endif
