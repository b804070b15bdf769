/*
 * `pk-bench load` and `pk-bench frames`: many sessions, one kind of request.
 */
#ifndef PK_TOOLS_BENCH_LOAD_H
#define PK_TOOLS_BENCH_LOAD_H

#include "tools/bench_run.h"

/* Runs to the end and prints the report. Returns an exit status: 0 when no request failed. */
int pk_load_run(struct pk_bench *b);

#endif
