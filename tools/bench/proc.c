/*
 * CPU time by the process's own clock (nanoseconds, all its threads), memory from /proc/PID/statm. Failure modes: the
 * process is gone: false.
 */
#include "tools/bench/proc.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static bool rss_of(pid_t pid, uint64_t *rss)
{
    char path[64];
    unsigned long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool good = fscanf(f, "%*u %lu", &pages) == 1;
    fclose(f);
    *rss = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return good;
}

bool pk_usage_of(pid_t pid, struct pk_usage *u)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return false;
    u->cpu_s = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    return rss_of(pid, &u->rss);
}
