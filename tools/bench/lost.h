/*
 * A server is lost: --victim is killed under sessions that ask for something relayed all the time, and what is measured
 * is how long each of them is without an answer. A session whose connection ends connects again as the Java client
 * does.
 */
#ifndef PK_TOOLS_BENCH_LOST_H
#define PK_TOOLS_BENCH_LOST_H

#include "tools/bench/run.h"

extern const struct pk_bench_subject pk_lost_subject;

#endif
