/*
 * A histogram of microseconds with 16 steps per power of two: quantiles within 6 %, constant memory.
 */
#ifndef PK_CORE_HISTOGRAM_H
#define PK_CORE_HISTOGRAM_H

#include <stdint.h>

enum { PK_HISTOGRAM_BUCKETS = 16 * 40 };

struct pk_histogram {
    uint64_t total;
    uint64_t count[PK_HISTOGRAM_BUCKETS];
};

/* Adds n values of us microseconds; negative values count as 0. */
void pk_histogram_add(struct pk_histogram *h, int64_t us, uint64_t n);
/* Upper bound of the bucket that holds the quantile (0..1); 0 when empty. */
int64_t pk_histogram_quantile(const struct pk_histogram *h, double quantile);

#endif
