/*
 * Durations in fixed steps. Happy path: most are short, so the steps are tried from the shortest on. Nothing fails.
 */
#include "base/latency.h"

static const int64_t steps[PK_LATENCY_STEPS] = {100,     250,     500,     1000,    2500,   5000,
                                                10000,   25000,   50000,   100000,  250000, 500000,
                                                1000000, 2500000, 5000000, 10000000};

int64_t pk_latency_step(unsigned step)
{
    return steps[step];
}

void pk_latency_add(struct pk_latency *latency, int64_t us)
{
    unsigned step = 0;
    while (step < PK_LATENCY_STEPS && us > steps[step])
        step++;
    latency->count[step]++;
    latency->total++;
    latency->sum_us += us > 0 ? us : 0;
}
