/*
 * Reads /proc/PID/stat. Failure modes: the process is gone: false.
 */
#include "tools/bench_proc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool pk_usage_of(pid_t pid, struct pk_usage *u)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    long pages = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    char *got = fgets(line, sizeof line, f);
    fclose(f);
    /* The command's name may hold anything; the fields begin after its last parenthesis. */
    const char *fields = got != NULL ? strrchr(line, ')') : NULL;
    if (fields == NULL ||
        sscanf(fields + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
               &user, &system, &pages) != 3)
        return false;
    u->cpu_s = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    u->rss = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}
