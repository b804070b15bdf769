/*
 * Clients that are held, summed up in the log: one line when a server is lost, one when its clients are served again.
 */
#ifndef PK_IO_CONN_HOLDS_H
#define PK_IO_CONN_HOLDS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop/loop.h"

struct pk_holds {
    int64_t seen, attaches, closes; /* clients held, attached, closed unheld so far, with the newest tick */
    int64_t since_us;               /* of what is not over: about when it began; 0: nobody is held */
    int64_t held, attached, closed; /* figures when it began */
    bool said;
};

/* Time has passed: looks whether clients are held, or are no more. */
void pk_holds_tick(struct pk_holds *holds, struct pk_loop *loop);

#endif
