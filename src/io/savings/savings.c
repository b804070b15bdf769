/*
 * The command savings. Happy path: the logs are found, read once from the first to the last, and the report is printed;
 * on a terminal a line says how far it is. Failure modes: one line on stderr, and no report; damage in a log is said
 * beside it.
 */
#include "io/savings/savings.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/savings/report.h"

enum { MOUNT = 256, JSON, PROGRESS_STEP = 1 << 23 };

static const char usage[] =
    "Usage: pacekeeper savings [OPTION]... PATH...\n"
    "Counts the transactions in ZooKeeper's logs, and those that pacekeeper would spare.\n"
    "PATH is a log.ZXID, or a folder of them: a server's dataLogDir, or a copy.\n"
    "\n"
    "      --mount PATH         beats are below this path too (what ends in /workerbeats or /supervisors)\n"
    "      --json               the figures as one JSON object\n"
    "      --live               count on a running pacekeeper instead; savings --live -h tells more\n"
    "  -h, --help               print this and exit\n";

struct savings {
    struct pk_classes classes;
    struct pk_model model;
    struct pk_files files;
    char why[PK_FILES_WHY];
    bool json, terminal;
    uint64_t said; /* bytes when progress was last shown */
    double since;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void take(void *owner, struct pk_txn *txn, int64_t time_ms, size_t bytes)
{
    struct savings *s = owner;
    pk_model_add(&s->model, txn, time_ms, bytes);
}

static void progress(void *owner, const struct pk_files *files)
{
    struct savings *s = owner;
    if (!s->terminal || files->done - s->said < PROGRESS_STEP)
        return;
    double mib = 1024 * 1024, spent = now() - s->since;
    s->said = files->done;
    fprintf(stderr, "\r%5.1f %% of %.0f MiB, %.0f MiB/s ", 100 * (double)files->done / (double)files->size,
            (double)files->size / mib, (double)files->done / mib / (spent > 0 ? spent : 1));
}

/* Returns the exit status, or -1 to go on. */
static int command_line(struct savings *s, int argc, char **argv)
{
    static const struct option longs[] = {
        {"mount", required_argument, NULL, MOUNT},
        {"json", no_argument, NULL, JSON},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;
    optind = 1;
    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (c == JSON) {
            s->json = true;
        } else if (c == MOUNT && pk_classes_name(&s->classes, optarg) != PK_OK) {
            fprintf(stderr, "pacekeeper savings: --mount %s: no path that can be a mount\n", optarg);
            return 2;
        } else if (c != MOUNT) {
            break;
        }
    }
    if (c == 'h') {
        fputs(usage, stdout);
        return 0;
    }
    if (c == -1 && optind < argc)
        return -1;
    fprintf(stderr, "pacekeeper savings: %s; pacekeeper savings -h tells more\n",
            c == '?' ? "an option that it does not take"
                     : "ZooKeeper's transaction logs are expected, or the folder that has them (dataLogDir)");
    return 2;
}

static enum pk_err read_all(struct savings *s, char **paths)
{
    const struct pk_files_taker taker = {take, progress, s};
    for (; *paths != NULL; paths++)
        if (pk_files_add(&s->files, *paths, s->why) != PK_OK)
            return PK_EINVAL;
    s->terminal = isatty(STDERR_FILENO) == 1;
    s->since = now();
    enum pk_err err = pk_files_read(&s->files, &taker, s->why);
    if (s->said > 0)
        fputs("\r\033[K", stderr);
    pk_model_end(&s->model);
    return err;
}

static int run(struct savings *s, char **paths)
{
    if (read_all(s, paths) != PK_OK) {
        fprintf(stderr, "pacekeeper savings: %s\n", s->why);
        return 1;
    }
    for (size_t i = 0; i < s->files.nnotes; i++)
        fprintf(stderr, "pacekeeper savings: %s\n", s->files.notes[i]);
    (s->json ? pk_report_json : pk_report_text)(stdout, &s->files, &s->model);
    return fflush(stdout) == 0 ? 0 : 1;
}

int pk_savings(int argc, char **argv)
{
    struct savings *s = calloc(1, sizeof *s);
    if (s == NULL) {
        fputs("pacekeeper: out of memory\n", stderr);
        return 1;
    }
    pk_classes_init(&s->classes);
    pk_model_init(&s->model, &pk_mem_libc, &s->classes);
    int status = command_line(s, argc, argv);
    if (status < 0)
        status = run(s, argv + optind);
    pk_files_free(&s->files);
    pk_model_free(&s->model);
    free(s);
    return status;
}
