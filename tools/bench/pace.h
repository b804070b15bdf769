/*
 * A schedule of events at a constant rate, dealt to n parties in turn: event g is due at start + g * interval
 * and belongs to party g mod n. Late events are delivered late, never dropped: whoever measures from `due`
 * measures what a user would have waited (no coordinated omission).
 */
#ifndef PK_TOOLS_BENCH_PACE_H
#define PK_TOOLS_BENCH_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct pk_pace {
    void *owner;                                                       /* the caller's */
    void (*on_due)(struct pk_pace *, uint32_t party, uint64_t due_ns); /* due: uv_hrtime() clock */
    uint32_t parties;
    double interval_ns; /* between two events of all parties together */
    uint64_t start;     /* ns */
    uint64_t next;      /* number of the next event */
    int fd;
    uv_poll_t poll;
};

/* owner, on_due, parties and interval_ns must be set. False when the system has no timer left. */
bool pk_pace_start(struct pk_pace *p, uv_loop_t *loop);
/* When the k-th event of a party is due. */
uint64_t pk_pace_due(const struct pk_pace *p, uint32_t party, uint64_t k);
void pk_pace_stop(struct pk_pace *p);

#endif
