/*
 * A schedule: a seed, how many members and clients, some settings, and faults. It runs the same each time; one that
 * finds something is shrunk to what is needed for it, and printed as a script:
 *
 *   seed 4711 members 2 clients 12
 *   kill at 9.310 for 2.000 a 0 b 1
 *   pause when record after 3 at 12.000 for 1.500 delay 0.002 sender
 */
#ifndef PK_TESTS_SIM_GROUP_SCHEDULE_H
#define PK_TESTS_SIM_GROUP_SCHEDULE_H

#include <stdio.h>

#include "fault.h"
#include "member.h"
#include "variant.h"
#include "watchdog.h"

enum profile {
    DENSE,   /* some faults within half a minute, clients that ask all the time */
    PLOTTED, /* the same clients, and faults that belong together (plot.h) */
    STEADY   /* ten minutes as a cluster has them: beats each three seconds, faults a minute apart */
};

struct schedule {
    uint64_t seed;
    int members, clients;
    struct fault faults[FAULTS_MAX];
    int n;
    struct member_settings settings;
    int64_t length_us, beat_us;
    bool insists, varied; /* world.h */
};

struct outcome {
    char wrong[400]; /* "" when nothing was found */
    int64_t simulated_us, at_us;
    uint64_t events, answers, writes, ensemble_writes;
    int faults; /* that were done */
    struct watchdog_figures figures;
};

/* Draws the faults of a seed. */
void schedule_draw(struct schedule *s, enum profile profile, uint64_t seed, int members);
/* trace 1: what happens is said on stderr; 2: and every answer. */
struct outcome schedule_run(const struct schedule *s, int trace);
/* Leaves out what is not needed for the same kind of finding. */
void schedule_shrink(struct schedule *s);
void schedule_print(const struct schedule *s, const struct outcome *o, FILE *to);
/* False, and what is wrong on stderr, when the text is no script. */
bool schedule_parse(struct schedule *s, const char *text);

#endif
