/*
 * Rates. Happy path: a sample each second, and differences between two. Failure modes: too young for a difference.
 */
#include "io/admin/rates.h"

#include <time.h>

#include "core/store/stats.h"

static int64_t day_of(int64_t wall_ms)
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    localtime_r(&t, &tm);
    return (int64_t)tm.tm_year * 366 + tm.tm_yday;
}

void pk_rates_tick(struct pk_rates *rates, const struct core_stats *s, int64_t now_us, int64_t wall_ms)
{
    enum { SECOND_US = 1000000, SLACK_US = 130000 };
    const struct pk_sample *last = &rates->seconds[rates->newest];
    if (last->us != 0 && now_us - last->us < SECOND_US - SLACK_US)
        return;
    struct pk_sample now = {now_us, s->requests_local, s->requests_relayed, s->beats_absorbed, s->flushes};
    rates->newest = (rates->newest + 1) % PK_RATES_KEPT;
    rates->seconds[rates->newest] = now;
    if (rates->day.us != 0 && rates->day_number == day_of(wall_ms))
        return;
    rates->day = now;
    rates->day_number = day_of(wall_ms);
}

struct pk_rate pk_rates_over(const struct pk_rates *rates, unsigned seconds)
{
    const struct pk_sample *b = &rates->seconds[rates->newest], *a = b;
    for (unsigned i = 1; i <= seconds && i < PK_RATES_KEPT; i++) {
        const struct pk_sample *s = &rates->seconds[(rates->newest + PK_RATES_KEPT - i) % PK_RATES_KEPT];
        if (s->us == 0)
            break;
        a = s;
    }
    double t = (double)(b->us - a->us) / 1e6;
    if (t <= 0)
        return (struct pk_rate){0};
    return (struct pk_rate){(double)(b->local - a->local) / t, (double)(b->relayed - a->relayed) / t,
                            (double)(b->absorbed - a->absorbed) / t, (double)(b->flushes - a->flushes) / t};
}
