/*
 * The last minute of a histogram. Happy path: a mark each quarter of a minute is a copy, and costs those who add
 * nothing. Failure modes: time that stands still or jumps makes a longer window, never a wrong difference.
 */
#include "base/window.h"

#include <stddef.h>

enum { MINUTE_US = 60 * 1000 * 1000, MARK_US = MINUTE_US / (PK_WINDOW_MARKS - 1) };

void pk_window_tick(struct pk_window *w, const struct pk_histogram *h, int64_t now_us)
{
    if (w->n > 0 && now_us - w->at_us[w->newest] < MARK_US)
        return;
    w->newest = w->n > 0 ? (w->newest + 1) % PK_WINDOW_MARKS : 0;
    w->n += w->n < PK_WINDOW_MARKS;
    w->marks[w->newest] = *h;
    w->at_us[w->newest] = now_us;
}

/* The newest mark that is a minute old, NULL when none is. */
static const struct pk_histogram *old_mark(const struct pk_window *w, int64_t now_us)
{
    for (unsigned i = 0; i < w->n; i++) {
        unsigned at = (w->newest + PK_WINDOW_MARKS - i) % PK_WINDOW_MARKS;
        if (now_us - w->at_us[at] >= MINUTE_US)
            return &w->marks[at];
    }
    return NULL;
}

void pk_window_view(const struct pk_window *w, const struct pk_histogram *h, int64_t now_us,
                    struct pk_histogram *out)
{
    const struct pk_histogram *before = old_mark(w, now_us);
    if (before != NULL)
        pk_histogram_since(h, before, out);
    else
        *out = *h;
}
