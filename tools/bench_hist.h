/*
 * A histogram of latencies: logarithmic with 64 steps per power of two, so that a percentile is exact
 * within 1.6 %, from 1 ns to 2^40 ns (18 minutes). Adding is a few instructions and never allocates.
 */
#ifndef PK_TOOLS_BENCH_HIST_H
#define PK_TOOLS_BENCH_HIST_H

#include <stdint.h>

enum { PK_HIST_SUB = 64, PK_HIST_BUCKETS = PK_HIST_SUB * 36 };

struct pk_hist {
    uint64_t count, max;
    uint64_t bucket[PK_HIST_BUCKETS];
};

/* ns: a latency; what is beyond the range counts in the last step. */
void pk_hist_add(struct pk_hist *h, uint64_t ns);
/* The latency that the fraction q (0 to 1) of all stays at or below, microseconds; 0 when empty. */
double pk_hist_us(const struct pk_hist *h, double q);

#endif
