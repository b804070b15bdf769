/*
 * A histogram of microseconds.
 *
 * Happy path: one shift and one addition per value.
 * Failure modes: none; values beyond the last bucket are counted in it.
 */
#include "core/histogram.h"

static unsigned bucket_of(uint64_t us)
{
    if (us < 16)
        return (unsigned)us;
    unsigned top = 63u - (unsigned)__builtin_clzll(us);
    unsigned at = (top - 3) * 16 + (unsigned)(us >> (top - 4) & 15);
    return at < PK_HISTOGRAM_BUCKETS ? at : PK_HISTOGRAM_BUCKETS - 1;
}

static int64_t bucket_end(unsigned at)
{
    if (at < 16)
        return at;
    unsigned top = at / 16 + 3;
    return (int64_t)(((uint64_t)(16 + at % 16 + 1) << (top - 4)) - 1);
}

void pk_histogram_add(struct pk_histogram *h, int64_t us, uint64_t n)
{
    h->count[bucket_of(us > 0 ? (uint64_t)us : 0)] += n;
    h->total += n;
}

int64_t pk_histogram_quantile(const struct pk_histogram *h, double quantile)
{
    if (h->total == 0)
        return 0;
    uint64_t want = (uint64_t)(quantile * (double)h->total), seen = 0;
    for (unsigned i = 0; i < PK_HISTOGRAM_BUCKETS; i++) {
        seen += h->count[i];
        if (h->count[i] > 0 && seen > want)
            return bucket_end(i);
    }
    for (unsigned i = PK_HISTOGRAM_BUCKETS; i-- > 0;)
        if (h->count[i] > 0)
            return bucket_end(i);
    return 0;
}
