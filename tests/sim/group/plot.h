/*
 * Plots: faults that belong together, because each alone does no harm. Where a rule is missing they meet it more often
 * than chance does.
 */
#ifndef PK_TESTS_SIM_GROUP_PLOT_H
#define PK_TESTS_SIM_GROUP_PLOT_H

#include "fault.h"

enum { PLOT_MOST = 4 };

/* Draws one: how many faults it has, at most PLOT_MOST, in list. The first is at at_us, or waits for its moment from
 * then on. */
int plot_draw(struct world *w, int64_t at_us, struct fault *list);

#endif
