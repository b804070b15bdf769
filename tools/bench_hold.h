/*
 * `pk-bench idle` and `pk-bench znodes`: what a connection that does nothing, and a znode, cost the process
 * under
 * --pid in resident memory.
 */
#ifndef PK_TOOLS_BENCH_HOLD_H
#define PK_TOOLS_BENCH_HOLD_H

#include "tools/bench_run.h"

/* Run to the end and print the report. Return an exit status. */
int pk_hold_run(struct pk_bench *b);

#endif
