/*
 * A histogram.
 *
 * Happy path: values below 64 have a bucket each; above, the bucket is the power of two and the six bits after the
 * leading one. Adding is one shift and a few additions, and never allocates.
 * Failure modes: values beyond the last bucket are counted in it.
 */
#include "base/histogram.h"

enum { STEP_BITS = 6 };

static unsigned bucket_of(uint64_t value)
{
    if (value < PK_HISTOGRAM_STEPS)
        return (unsigned)value;
    unsigned power = 63u - (unsigned)__builtin_clzll(value), shift = power - STEP_BITS;
    unsigned at = shift * PK_HISTOGRAM_STEPS + (unsigned)(value >> shift);
    return at < PK_HISTOGRAM_BUCKETS ? at : PK_HISTOGRAM_BUCKETS - 1;
}

/* The highest value that falls into a bucket. */
static int64_t bucket_end(unsigned at)
{
    if (at < PK_HISTOGRAM_STEPS)
        return at;
    unsigned shift = at / PK_HISTOGRAM_STEPS - 1;
    return (int64_t)(((uint64_t)(PK_HISTOGRAM_STEPS + at % PK_HISTOGRAM_STEPS + 1) << shift) - 1);
}

/* The lowest one. */
static int64_t bucket_begin(unsigned at)
{
    return at == 0 ? 0 : bucket_end(at - 1) + 1;
}

void pk_histogram_add(struct pk_histogram *h, int64_t value, uint64_t n)
{
    if (value < 0)
        value = 0;
    if (n == 0)
        return;
    if (h->total == 0 || value < h->min)
        h->min = value;
    if (value > h->max)
        h->max = value;
    h->count[bucket_of((uint64_t)value)] += n;
    h->total += n;
    h->sum += (double)value * (double)n;
}

void pk_histogram_since(const struct pk_histogram *h, const struct pk_histogram *before,
                        struct pk_histogram *out)
{
    unsigned first = PK_HISTOGRAM_BUCKETS, last = 0;
    *out = (struct pk_histogram){.total = h->total - before->total};
    for (unsigned at = 0; at < PK_HISTOGRAM_BUCKETS; at++) {
        out->count[at] = h->count[at] - before->count[at];
        if (out->count[at] == 0)
            continue;
        first = at < first ? at : first;
        last = at;
    }
    if (out->total == 0)
        return;
    out->sum = h->sum - before->sum;
    out->min = bucket_begin(first) > h->min ? bucket_begin(first) : h->min;
    out->max = last < PK_HISTOGRAM_BUCKETS - 1 && bucket_end(last) < h->max ? bucket_end(last) : h->max;
}

double pk_histogram_mean(const struct pk_histogram *h)
{
    return h->total > 0 ? h->sum / (double)h->total : 0;
}

int64_t pk_histogram_quantile(const struct pk_histogram *h, double q)
{
    uint64_t want = (uint64_t)(q * (double)h->total), seen = 0;
    if (want >= h->total)
        return h->max;
    for (unsigned at = 0; at < PK_HISTOGRAM_BUCKETS - 1; at++) {
        seen += h->count[at];
        if (seen > want)
            return bucket_end(at) < h->max ? bucket_end(at) : h->max;
    }
    return h->max;
}

uint64_t pk_histogram_within(const struct pk_histogram *h, int64_t value)
{
    uint64_t within = 0;
    for (unsigned at = 0; at <= bucket_of(value > 0 ? (uint64_t)value : 0); at++)
        within += h->count[at];
    return within;
}
