/*
 * `pk-bench idle` and `pk-bench znodes`: what a connection that does nothing, and a znode, cost the process
 * under
 * --pid in resident memory.
 */
#ifndef PK_TOOLS_BENCH_HOLD_H
#define PK_TOOLS_BENCH_HOLD_H

#include "tools/bench/run.h"

extern const struct pk_bench_subject pk_hold_subject;

#endif
