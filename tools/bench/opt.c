/*
 * Command line of pk-bench.
 *
 * Happy path: `pk-bench COMMAND [--NAME VALUE]...`, every value checked against its range.
 * Failure modes: an unknown command, option or value is named on stderr, exit status 2.
 */
#include "tools/bench/opt.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench/line.h"

enum kind { TEXT, INTEGER, NUMBER, FLAG, PIDS };
enum {
    CLUSTERS = PK_BENCH_STORM | PK_BENCH_PULSES,
    LOADS = PK_BENCH_LOAD | PK_BENCH_FRAMES,
    CROWDS = LOADS | PK_BENCH_IDLE | PK_BENCH_ZNODES,
    SESSIONS = CROWDS | PK_BENCH_LOST,
    ALL = CLUSTERS | SESSIONS,
    ROOTED = PK_BENCH_STORM | CROWDS,
    KEEPING = LOADS | PK_BENCH_STORM | PK_BENCH_ZNODES,
    SIZED = KEEPING | PK_BENCH_PULSES,
    TIMED = LOADS | CLUSTERS | PK_BENCH_IDLE | PK_BENCH_LOST,
};

struct option {
    const char *name, *value, *help;
    int commands;
    enum kind kind;
    size_t at;
    double min, max;
};

#define AT(field) offsetof(struct pk_bench_opt, field)
static const struct option options[] = {
    {"connect", "HOST:PORT,...", "servers (127.0.0.1:2181)", ALL, TEXT, AT(connect), 0, 0},
    {"root", "PATH", "Storm's root (/storm), or parent of the znodes (/storm/workerbeats/pk-bench)", ROOTED,
     TEXT, AT(root), 0, 0},
    {"seconds", "N", "measured time; storm, pulses: 0 runs until SIGINT (10)", TIMED, NUMBER, AT(seconds), 0,
     1e6},
    {"warmup", "N", "seconds before the measured time (0.5; lost: 2; storm, pulses: 0)",
     LOADS | CLUSTERS | PK_BENCH_LOST, NUMBER, AT(warmup), 0, 1e4},
    {"size", "BYTES", "data of a beat or znode (1024)", SIZED, INTEGER, AT(size), 24, 1 << 20},
    {"sessions", "N", "sessions (100)", SESSIONS, INTEGER, AT(sessions), 1, 60000},
    {"op", "NAME",
     "beat (exists, setData), get, set, exists, read-all (exists, getData), list (of the parent)", LOADS,
     TEXT, AT(op), 0, 0},
    {"depth", "N", "requests in flight per session (1)", LOADS, INTEGER, AT(depth), 1, 1024},
    {"rate", "N", "operations a second in all, on a fixed schedule; 0: closed loop (0)", LOADS, NUMBER,
     AT(rate), 0, 1e7},
    {"znodes", "N", "znodes, spread over the sessions (one each; znodes: 10000)", CROWDS, INTEGER, AT(znodes),
     1, 10000000},
    {"workers", "N", "simulated workers, a session each (200)", CLUSTERS, INTEGER, AT(workers), 1, 60000},
    {"connections", "N", "that the workers share; 0: one each, as in Storm (0)", PK_BENCH_PULSES, INTEGER,
     AT(connections), 0, 60000},
    {"topologies", "N", "topologies that the workers belong to (4)", CLUSTERS, INTEGER, AT(topologies), 1,
     1000},
    {"line", "1.2|2.8", "send also what Storm of this line sends besides beats", PK_BENCH_STORM, TEXT,
     AT(line), 0, 0},
    {"supervisors", "N", "with --line: simulated supervisors, a session each (one for 4 workers)",
     PK_BENCH_STORM, INTEGER, AT(supervisors), 0, 20000},
    {"period-ms", "N", "time between the beats of a worker (3000; with --line 2.8: 60000)", CLUSTERS, INTEGER,
     AT(period_ms), 1, 600000},
    {"scan-ms", "N", "time between Nimbus' scans (10 for 3 of the period, as in Storm; with --line: 10000)",
     CLUSTERS, INTEGER, AT(scan_ms), 1, 600000},
    {"timeout-ms", "N", "session timeout asked for (20000)", ROOTED | PK_BENCH_LOST, INTEGER, AT(timeout_ms),
     100, 3600000},
    {"victim", "PID", "the server that is killed", PK_BENCH_LOST, INTEGER, AT(victim), 1, 1 << 30},
    {"affected", "N", "how many sessions it had: the N that waited longest are reported (all)", PK_BENCH_LOST,
     INTEGER, AT(affected), 1, 60000},
    {"pid", "[NAME=]PID", "report CPU and memory of this process (repeatable)", ALL, PIDS, 0, 0, 0},
    {"progress", NULL, "live progress even when stderr is no terminal", ALL, FLAG, AT(progress), 0, 0},
    {"keep", NULL, "leave the znodes in place", KEEPING, FLAG, AT(keep), 0, 0},
};
enum { NOPTIONS = sizeof options / sizeof *options };

static const struct {
    const char *name, *help;
    enum pk_bench_command command;
} commands[] = {
    {"storm", "simulated Storm cluster: workers beat, Nimbus reads and checks every value", PK_BENCH_STORM},
    {"load", "load on znodes: closed loop, pipelined or paced", PK_BENCH_LOAD},
    {"frames", "the same requests to a frame echo (no session, no set-up)", PK_BENCH_FRAMES},
    {"idle", "hold idle sessions, report memory per connection", PK_BENCH_IDLE},
    {"znodes", "create znodes, report memory per znode", PK_BENCH_ZNODES},
    {"lost", "kill a server under its sessions, report when they are served again", PK_BENCH_LOST},
    {"pulses", "the same cluster, sent to a Storm Pacemaker daemon", PK_BENCH_PULSES},
};
enum { NCOMMANDS = sizeof commands / sizeof *commands };

const char *pk_bench_command_name(enum pk_bench_command c)
{
    for (int i = 0; i < NCOMMANDS; i++)
        if (commands[i].command == c)
            return commands[i].name;
    return "?";
}

static int usage(FILE *f, int status)
{
    fprintf(f, "usage: pk-bench COMMAND [OPTION]...\n\ncommands:\n");
    for (int i = 0; i < NCOMMANDS; i++)
        fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].help);
    fprintf(f, "\noptions, with the commands that know them:\n");
    for (int i = 0; i < NOPTIONS; i++) {
        const struct option *o = &options[i];
        fprintf(f, "  --%s %s\n        %s", o->name, o->value != NULL ? o->value : "", o->help);
        for (int c = 0; o->commands != ALL && c < NCOMMANDS; c++)
            if ((o->commands & (int)commands[c].command) != 0)
                fprintf(f, " [%s]", commands[c].name);
        fputc('\n', f);
    }
    return status;
}

static int mistake(const char *what, const char *which)
{
    fprintf(stderr, "pk-bench: %s: %s (pk-bench --help lists all)\n", what, which);
    return 2;
}

static bool add_pid(struct pk_bench_opt *o, const char *value)
{
    const char *equals = strchr(value, '='), *digits = equals != NULL ? equals + 1 : value;
    char *end;
    long pid = strtol(digits, &end, 10);
    if (*digits == '\0' || *end != '\0' || pid <= 0 || o->npids == PK_BENCH_PIDS)
        return false;
    o->pids[o->npids].name = equals != NULL ? value : "pid";
    o->pids[o->npids].name_len = equals != NULL ? (int)(equals - value) : 3;
    o->pids[o->npids++].pid = (pid_t)pid;
    return true;
}

static bool set_option(struct pk_bench_opt *o, const struct option *opt, const char *value)
{
    char *field = (char *)o + opt->at, *end;
    double number;
    if (opt->kind == FLAG) {
        *(bool *)(void *)field = true;
        return true;
    }
    if (opt->kind == TEXT) {
        *(const char **)(void *)field = value;
        return true;
    }
    if (opt->kind == PIDS)
        return add_pid(o, value);
    number = strtod(value, &end);
    if (*value == '\0' || *end != '\0' || !(number >= opt->min && number <= opt->max))
        return false;
    if (opt->kind == INTEGER)
        *(int *)(void *)field = (int)number;
    else
        *(double *)(void *)field = number;
    return true;
}

static const struct option *find_option(enum pk_bench_command command, const char *arg)
{
    for (int i = 0; i < NOPTIONS; i++)
        if ((options[i].commands & (int)command) != 0 && strncmp(arg, "--", 2) == 0 &&
            strcmp(arg + 2, options[i].name) == 0)
            return &options[i];
    return NULL;
}

static void fill_in(struct pk_bench_opt *o, const struct pk_line *line)
{
    bool storm = o->command == PK_BENCH_STORM;
    if (o->warmup < 0)
        o->warmup = (o->command & LOADS) != 0 ? 0.5 : o->command == PK_BENCH_LOST ? 2 : 0;
    if (o->period_ms == 0)
        o->period_ms = line != NULL ? line->period_ms : 3000;
    if (o->scan_ms == 0)
        o->scan_ms = line != NULL ? 10000 : o->period_ms * 10 / 3;
    if (o->supervisors < 0)
        o->supervisors = (o->workers + 3) / 4;
    if (o->root == NULL)
        o->root = storm ? "/storm" : "/storm/workerbeats/pk-bench";
    if (o->znodes == 0)
        o->znodes = o->command == PK_BENCH_ZNODES ? 10000 : o->sessions;
    if (o->znodes < o->sessions)
        o->znodes = o->sessions;
}

int pk_bench_parse(struct pk_bench_opt *o, int argc, char **argv)
{
    *o = (struct pk_bench_opt){.connect = "127.0.0.1:2181",
                               .op = "beat",
                               .seconds = 10,
                               .warmup = -1,
                               .sessions = 100,
                               .depth = 1,
                               .size = 1024,
                               .workers = 200,
                               .topologies = 4,
                               .supervisors = -1,
                               .timeout_ms = 20000};
    if (argc < 2)
        return usage(stderr, 2);
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage(stdout, 0);
    for (int i = 0; i < NCOMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            o->command = commands[i].command;
    if (o->command == 0)
        return mistake("no such command", argv[1]);
    for (int i = 2; i < argc; i++) {
        const struct option *opt = find_option(o->command, argv[i]);
        if (opt == NULL)
            return mistake("no such option of this command", argv[i]);
        if (opt->kind != FLAG && ++i == argc)
            return mistake("a value is missing", argv[i - 1]);
        if (!set_option(o, opt, argv[i]))
            return mistake("not a valid value", argv[i]);
    }
    const struct pk_line *line = o->line != NULL ? pk_line_find(o->line) : NULL;
    if (o->line != NULL && line == NULL)
        return mistake("no such line of Storm", o->line);
    fill_in(o, line);
    return -1;
}
