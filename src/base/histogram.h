/*
 * A histogram: logarithmic with 64 steps per power of two, so that a quantile is at most 1.6 % above the value. The
 * unit is the caller's: nanoseconds up to 18 minutes, or microseconds up to 12 days.
 */
#ifndef PK_BASE_HISTOGRAM_H
#define PK_BASE_HISTOGRAM_H

#include <stdint.h>

enum { PK_HISTOGRAM_STEPS = 64, PK_HISTOGRAM_BUCKETS = PK_HISTOGRAM_STEPS * 35 };

struct pk_histogram {
    uint64_t total;
    double sum;
    int64_t min, max;
    uint64_t count[PK_HISTOGRAM_BUCKETS];
};

/* Adds n equal values. A negative one counts as 0, one from 2^40 on in the last step. */
void pk_histogram_add(struct pk_histogram *h, int64_t value, uint64_t n);
/* What the fraction q (0..1) of all values stays at or below, never more than the highest value; 0 when empty. */
int64_t pk_histogram_quantile(const struct pk_histogram *h, double q);
/* How many values stay at or below this one, within a step. */
uint64_t pk_histogram_within(const struct pk_histogram *h, int64_t value);
/* What was added after `before`, an earlier copy of it. Lowest and highest value are known within a step. */
void pk_histogram_since(const struct pk_histogram *h, const struct pk_histogram *before,
                        struct pk_histogram *out);
/* The mean of all values, 0 when empty. */
double pk_histogram_mean(const struct pk_histogram *h);

#endif
