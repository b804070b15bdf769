/*
 * The latency histogram. Values below 64 ns have a bucket each; above, the bucket is the power of two and the
 * six bits after the leading one. Values beyond the range are clamped.
 */
#include "tools/bench_hist.h"

enum { SUB_BITS = 6 };

static unsigned bucket_of(uint64_t ns)
{
    if (ns < PK_HIST_SUB)
        return (unsigned)ns;
    unsigned power = 63u - (unsigned)__builtin_clzll(ns);
    unsigned b = (power - SUB_BITS + 1) * PK_HIST_SUB + (unsigned)(ns >> (power - SUB_BITS)) - PK_HIST_SUB;
    return b < PK_HIST_BUCKETS ? b : PK_HIST_BUCKETS - 1;
}

/* Highest value that falls into a bucket. */
static uint64_t bucket_top(unsigned b)
{
    unsigned power = b / PK_HIST_SUB, sub = b % PK_HIST_SUB;

    if (power == 0)
        return sub;
    return ((uint64_t)(PK_HIST_SUB + sub + 1) << (power - 1)) - 1;
}

void pk_hist_add(struct pk_hist *h, uint64_t ns)
{
    h->count++;
    if (ns > h->max)
        h->max = ns;
    h->bucket[bucket_of(ns)]++;
}

double pk_hist_us(const struct pk_hist *h, double q)
{
    uint64_t want = (uint64_t)((double)h->count * q), seen = 0;

    if (h->count == 0)
        return 0;
    if (want >= h->count)
        want = h->count - 1;
    for (unsigned b = 0; b < PK_HIST_BUCKETS; b++) {
        seen += h->bucket[b];
        if (seen > want) {
            uint64_t top = bucket_top(b);
            return (double)(top < h->max ? top : h->max) / 1000.0;
        }
    }
    return (double)h->max / 1000.0;
}
