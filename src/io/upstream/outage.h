/*
 * An outage of the whole ensemble, summed up: one line when it is certain, one at its end.
 */
#ifndef PK_IO_UPSTREAM_OUTAGE_H
#define PK_IO_UPSTREAM_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

struct pk_upstream;

struct pk_outage {
    int64_t since_us;            /* 0: a server serves */
    int64_t first_us, newest_us; /* of the clients closed lately */
    int64_t closed;              /* how many */
    bool said;
};

/* A client was closed because of the ensemble. */
void pk_outage_closed(struct pk_upstream *upstream);
/* Time has passed: looks whether an outage begins or ends. */
void pk_outage_tick(struct pk_upstream *upstream);

#endif
