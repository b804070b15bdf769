/*
 * The pump between core and sockets.
 */
#ifndef PK_IO_CONN_PUMP_H
#define PK_IO_CONN_PUMP_H

#include <stdbool.h>

struct pk_pair;
struct pk_pairs;

/* Carries out what the core wants until it wants nothing more. Not to be called from within itself. */
void pk_pump(struct pk_pairs *conns);
/* pair is a link to another member. True: what the core wants written there leaves with the end of the round. */
bool pk_pump_later(struct pk_pair *pair);

#endif
