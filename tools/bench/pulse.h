/*
 * `pk-bench pulses`: the workers and the Nimbus of a cluster that uses Storm's Pacemaker daemon instead of ZooKeeper.
 */
#ifndef PK_TOOLS_BENCH_PULSE_H
#define PK_TOOLS_BENCH_PULSE_H

#include "tools/bench/run.h"

extern const struct pk_bench_subject pk_pulse_subject;

#endif
