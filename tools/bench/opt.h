/*
 * Command line of pk-bench: one table of options, each with the subcommands that know it; --help prints the
 * table.
 */
#ifndef PK_TOOLS_BENCH_OPT_H
#define PK_TOOLS_BENCH_OPT_H

#include <stdbool.h>
#include <sys/types.h>

enum pk_bench_command {
    PK_BENCH_STORM = 1,
    PK_BENCH_LOAD = 2,
    PK_BENCH_FRAMES = 4,
    PK_BENCH_IDLE = 8,
    PK_BENCH_ZNODES = 16,
    PK_BENCH_PULSES = 32,
    PK_BENCH_LOST = 64,
};

enum { PK_BENCH_PIDS = 8 };

struct pk_bench_opt {
    enum pk_bench_command command;
    const char *connect; /* HOST:PORT,... */
    const char *op;      /* beat, get, set, exists, read-all, list */
    const char *root;
    double seconds, warmup; /* of the measured part and before it */
    double rate;            /* beats or requests a second in all; 0: as fast as replies come */
    int sessions, depth, size, znodes;
    int workers, connections, topologies, period_ms, scan_ms, supervisors;
    const char *line; /* of Storm; NULL: beats only */
    int timeout_ms;
    int victim,
        affected; /* the process that is killed, and how many sessions were on it; 0: not given, all */
    bool progress, keep;
    int npids;
    struct {
        const char *name; /* "pid" when none was given */
        int name_len;
        pid_t pid;
    } pids[PK_BENCH_PIDS];
};

/* Reads argv into *o, defaults for what is not given. Returns -1 to go on, else an exit status (help or a
 * mistake, already printed). */
int pk_bench_parse(struct pk_bench_opt *o, int argc, char **argv);
/* Name of a subcommand. */
const char *pk_bench_command_name(enum pk_bench_command c);

#endif
