/*
 * What has happened lately: the counters of each of the last seconds, for rates, and of the day's begin.
 */
#ifndef PK_IO_ADMIN_RATES_H
#define PK_IO_ADMIN_RATES_H

#include <stdbool.h>
#include <stdint.h>

enum { PK_RATES_KEPT = 61 };

struct pk_sample {
    int64_t us; /* 0: none */
    int64_t local, relayed, absorbed, flushes;
};

struct pk_rates {
    struct pk_sample seconds[PK_RATES_KEPT]; /* a ring */
    unsigned newest;
    struct pk_sample day; /* at its begin, or the start */
    int64_t day_number;   /* days since 1970, local time */
};

struct core_stats;

/* Time has passed. */
void pk_rates_tick(struct pk_rates *rates, const struct core_stats *s, int64_t now_us, int64_t wall_ms);

/* Per second, over about so many seconds; 0 when nothing is known yet. */
struct pk_rate {
    double local, relayed, absorbed, flushes;
};
struct pk_rate pk_rates_over(const struct pk_rates *rates, unsigned seconds);

#endif
