/*
 * The duties of a simulated Storm cluster at work: sequences of requests, one at a time, on the sessions of those
 * whose duty they are; several duties of one party overlap, as threads of a real one do.
 */
#ifndef PK_TOOLS_BENCH_DUTY_H
#define PK_TOOLS_BENCH_DUTY_H

#include "base/histogram.h"
#include "tools/bench/line.h"
#include "tools/bench/pace.h"

struct pk_round;
struct pk_storm;

/* One party at one of its duties. */
struct pk_chain {
    struct pk_round *round;
    uint32_t party; /* which worker or supervisor */
    uint32_t step, item;
    bool busy;
};

/* One duty of all its parties. */
struct pk_round {
    struct pk_storm *st;
    const struct pk_duty *duty;
    struct pk_pace pace;
    struct pk_chain *chains;
    uint32_t parties;
};

struct pk_duties {
    struct pk_round once, *rounds; /* the one that is done once at present; the line's duties */
    uint32_t nrounds;
    uint64_t requests, late; /* answered; sequences that were due while the one before was still in work */
    struct pk_histogram latency;
};

/* False when out of memory. st->line must be set. */
bool pk_duties_make(struct pk_storm *st);
void pk_duties_free(struct pk_storm *st);

/* Has all parties of a duty do it once; every one ends with pk_storm_idle. */
void pk_duty_once(struct pk_storm *st, const struct pk_duty *duty);
/* Begins and ends the line's duties; a sequence in work goes on to its end, st->busy counts it. */
bool pk_duties_start(struct pk_storm *st);
void pk_duties_stop(struct pk_storm *st);

#endif
