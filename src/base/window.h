/*
 * What a histogram has counted lately: marks of it, a quarter of a minute apart, are kept, and the newest one that is a
 * minute old is taken from what it has now.
 *
 *   mark        mark   mark   mark   mark      now
 *     |──────────|──────|──────|──────|─────────|         60 to 75 s; less until the first is a minute old
 */
#ifndef PK_BASE_WINDOW_H
#define PK_BASE_WINDOW_H

#include "base/histogram.h"

enum { PK_WINDOW_MARKS = 5 };

/* Zero: no mark, everything is lately. */
struct pk_window {
    struct pk_histogram marks[PK_WINDOW_MARKS]; /* a ring, of the first n at the start */
    int64_t at_us[PK_WINDOW_MARKS];
    unsigned newest, n;
};

/* Marks what the histogram has now, when that is due; to be called at least each second. */
void pk_window_tick(struct pk_window *window, const struct pk_histogram *h, int64_t now_us);
/* What the histogram has counted in the last minute; lowest and highest value within a step (1.6 %). */
void pk_window_view(const struct pk_window *window, const struct pk_histogram *h, int64_t now_us,
                    struct pk_histogram *out);

#endif
