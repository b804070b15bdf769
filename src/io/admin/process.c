/*
 * The process in figures. Happy path: getrusage and one line of /proc. Failure modes: no /proc: the memory is unknown.
 */
#include "io/admin/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static int64_t resident(void)
{
    int64_t size = 0, pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in == NULL)
        return 0;
    int n = fscanf(in, "%" SCNd64 " %" SCNd64, &size, &pages);
    fclose(in);
    return n == 2 ? pages * sysconf(_SC_PAGESIZE) : 0;
}

void pk_process_read(struct pk_process *out)
{
    struct rusage usage;
    *out = (struct pk_process){.resident = resident()};
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        out->cpu_seconds = seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
}
