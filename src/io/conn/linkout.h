/*
 * What leaves on links to standbys leaves with the end of the loop's round: the records of everybody who was ready in
 * it are one write, and their acknowledgement one read. While others are ready already it waits for theirs, too, for a
 * round or two: a loop that could sleep never waits, one that has more to do than it can says more at once.
 */
#ifndef PK_IO_CONN_LINKOUT_H
#define PK_IO_CONN_LINKOUT_H

#include <stdbool.h>
#include <uv.h>

#include "base/list.h"

struct pk_linkout {
    struct pk_list waiting;
    uv_check_t polled;  /* run while somebody waits: behind what was ready, */
    uv_prepare_t polls; /* and before the loop sleeps */
    void (*leave)(struct pk_linkout *out);
    bool leaves;     /* what has waited is being written */
    unsigned passed; /* ends of rounds since something waits */
};

void pk_linkout_init(struct pk_linkout *out, uv_loop_t *loop);
/* Closes its handles. */
void pk_linkout_close(struct pk_linkout *out);
/* The node hangs in out->waiting until the end of the round, when leave is called, and empties the list. */
void pk_linkout_wait(struct pk_linkout *out, struct pk_list *node, void (*leave)(struct pk_linkout *out));

#endif
