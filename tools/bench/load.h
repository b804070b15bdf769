/*
 * `pk-bench load` and `pk-bench frames`: many sessions, one kind of request.
 */
#ifndef PK_TOOLS_BENCH_LOAD_H
#define PK_TOOLS_BENCH_LOAD_H

#include "tools/bench/run.h"

extern const struct pk_bench_subject pk_load_subject;

#endif
