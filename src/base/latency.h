/*
 * A histogram of durations with few fixed steps, for figures that a scraper reads. pk_histogram is the exact one.
 */
#ifndef PK_BASE_LATENCY_H
#define PK_BASE_LATENCY_H

#include <stdint.h>

enum { PK_LATENCY_STEPS = 16 };

struct pk_latency {
    uint64_t count[PK_LATENCY_STEPS + 1]; /* each step's own; the last one's is what is longer than all */
    uint64_t total;
    int64_t sum_us;
};

/* The longest duration that belongs to a step: microseconds. */
int64_t pk_latency_step(unsigned step);
/* Adds one; a negative one counts as 0. */
void pk_latency_add(struct pk_latency *latency, int64_t us);

#endif
