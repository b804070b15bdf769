/*
 * What the kernel knows about a process: CPU time and resident memory.
 */
#ifndef PK_TOOLS_BENCH_PROC_H
#define PK_TOOLS_BENCH_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pk_usage {
    double cpu_s; /* user and system time of all threads so far, seconds */
    uint64_t rss; /* resident bytes now */
};

/* False when there is no such process. */
bool pk_usage_of(pid_t pid, struct pk_usage *u);

#endif
