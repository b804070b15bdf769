/*
 * What every subcommand needs around its own subject: the loop, the servers' addresses, the measured stretch
 * of time with the CPU and memory of the processes named by --pid, and the report: a table for people and one
 * line `result key=value ...` for programs.
 */
#ifndef PK_TOOLS_BENCH_RUN_H
#define PK_TOOLS_BENCH_RUN_H

#include "base/histogram.h"
#include "tools/bench/opt.h"
#include "tools/bench/proc.h"
#include "tools/bench/session.h"

enum { PK_BENCH_SERVERS = 16, PK_BENCH_LINE = 4096 };

struct pk_bench {
    struct pk_bench_opt opt;
    struct pk_zs_loop zl;
    struct sockaddr_storage servers[PK_BENCH_SERVERS];
    uint64_t begin, end;      /* ns, of the measured stretch */
    int64_t begin_ms, end_ms; /* the same by the clock of the day, as servers' logs have it */
    struct pk_usage own[2], of[PK_BENCH_PIDS][2]; /* at its begin and end */
    uv_signal_t on_int;
    const struct pk_bench_subject *subject;
    void *work;         /* the subcommand's own */
    const char *failed; /* why the run cannot be reported, NULL when it can */
    char result[PK_BENCH_LINE];
    size_t result_len;
};

/* What a subcommand is made of. */
struct pk_bench_subject {
    size_t size;                           /* of its own data, zeroed, at b->work */
    bool (*set_up)(struct pk_bench *);     /* hands its first work to the loop; false: said why */
    void (*stop)(struct pk_bench *);       /* SIGINT */
    void (*close)(struct pk_bench *);      /* after the loop ran empty */
    uint64_t (*report)(struct pk_bench *); /* returns the number of errors */
    void (*release)(struct pk_bench *);    /* memory, whatever happened before */
};

/* Runs a subcommand from set-up to report. Options are in b->opt. Returns an exit status: 0 when there was no
 * error. */
int pk_bench_run(struct pk_bench *b, const struct pk_bench_subject *subject);

/* Says why on stderr. */
void pk_bench_say(const struct pk_bench *b, const char *why);

/* Begin (0) and end (1) of the measured stretch. */
void pk_bench_mark(struct pk_bench *b, int at);
double pk_bench_seconds(const struct pk_bench *b);

/* One row of the table, unless label is NULL, and key=value of the result line. format takes one double. */
void pk_bench_value(struct pk_bench *b, const char *key, const char *label, const char *format, double value);
/* Rows p50, p99, p99.9 and max in microseconds; key is the prefix. */
void pk_bench_latency(struct pk_bench *b, const char *key, const char *label, const struct pk_histogram *h);
/* Adds a time from then to now, ns. */
void pk_bench_time(struct pk_histogram *h, uint64_t from, uint64_t now);
/* A quantile of nanoseconds, in microseconds. */
double pk_bench_us(const struct pk_histogram *h, double q);
/* CPU, memory and requests per CPU-second of each process. requests: answered in the stretch. */
void pk_bench_processes(struct pk_bench *b, uint64_t requests);
/* Prints the result line. */
void pk_bench_result(struct pk_bench *b);

/* A progress line on stderr, drawn over the last one on a terminal; silent when neither a terminal nor
 * --progress. */
void pk_bench_progress(const struct pk_bench *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void pk_bench_progress_end(void);

#endif
