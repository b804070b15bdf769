/*
 * A line of figures: for the log every log-figures, and for the service manager, whose status shows it.
 */
#ifndef PK_IO_DAEMON_FIGURES_H
#define PK_IO_DAEMON_FIGURES_H

#include <stdint.h>

struct pk_daemon;

/* What had been done when the log last heard. */
struct pk_figures {
    int64_t since_us, told_us; /* told_us: when the service manager last heard */
    uint64_t local, relayed, absorbed;
};

/* Time has passed: says what is due. */
void pk_figures_tick(struct pk_daemon *daemon);

#endif
