/*
 * The frame around a subcommand.
 *
 * Happy path: set-up, the subcommand's own work in the loop with two marks, values, pk_bench_result.
 * Failure modes: a server's name that does not resolve; a --pid that is gone by the end is reported as zero.
 */
#include "tools/bench/run.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/pulse.h"

void pk_bench_say(const struct pk_bench *b, const char *why)
{
    fprintf(stderr, "pk-bench %s: %s\n", pk_bench_command_name(b->opt.command), why);
}

/* The message id in a payload, -1 when there is none. */
static int32_t pulse_id(const uint8_t *p, size_t n)
{
    struct pk_pulse m;
    return pk_pulse_decode(p, n, &m) == PK_OK ? m.id : -1;
}

/* One HOST:PORT; brackets around an IPv6 address are dropped. */
static bool add_server(struct pk_bench *b, char *server)
{
    char *colon = strrchr(server, ':'), why[256];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    uv_getaddrinfo_t req;
    if (colon == NULL || b->zl.nservers == PK_BENCH_SERVERS)
        return false;
    *colon = '\0';
    if (server[0] == '[' && colon[-1] == ']') {
        server++;
        colon[-1] = '\0';
    }
    int err = uv_getaddrinfo(b->zl.uv, &req, NULL, server, colon + 1, &hints);
    if (err != 0) {
        snprintf(why, sizeof why, "%s: %s", server, uv_strerror(err));
        pk_bench_say(b, why);
        return false;
    }
    memcpy(&b->servers[b->zl.nservers++], req.addrinfo->ai_addr, req.addrinfo->ai_addrlen);
    uv_freeaddrinfo(req.addrinfo);
    return true;
}

static bool add_servers(struct pk_bench *b)
{
    char *list = strdup(b->opt.connect), *rest = list, *server;
    bool good = list != NULL;
    while (good && (server = strsep(&rest, ",")) != NULL)
        good = add_server(b, server);
    free(list);
    return good;
}

static void interrupted(uv_signal_t *h, int signum)
{
    struct pk_bench *b = h->data;
    (void)signum;
    b->subject->stop(b);
}

static bool begin(struct pk_bench *b)
{
    signal(SIGPIPE, SIG_IGN);
    b->zl.uv = uv_default_loop();
    b->zl.servers = b->servers;
    b->zl.timeout_ms = b->opt.timeout_ms;
    b->zl.raw = (b->opt.command & (PK_BENCH_FRAMES | PK_BENCH_PULSES)) != 0;
    if (b->opt.command == PK_BENCH_PULSES)
        b->zl.id_of = pulse_id;
    if (!pk_zs_loop_init(&b->zl))
        return false;
    if (!add_servers(b)) {
        pk_bench_say(b, "--connect wants HOST:PORT,...");
        return false;
    }
    uv_signal_init(b->zl.uv, &b->on_int);
    b->on_int.data = b;
    uv_signal_start_oneshot(&b->on_int, interrupted, SIGINT);
    uv_unref((uv_handle_t *)&b->on_int);
    return true;
}

static void end(struct pk_bench *b)
{
    uv_close((uv_handle_t *)&b->on_int, NULL);
    uv_run(b->zl.uv, UV_RUN_DEFAULT);
    uv_loop_close(b->zl.uv);
    pk_zs_loop_free(&b->zl);
}

int pk_bench_run(struct pk_bench *b, const struct pk_bench_subject *subject)
{
    int status = 1;
    b->subject = subject;
    b->work = calloc(1, subject->size);
    if (b->work == NULL || !begin(b))
        return 1;
    if (subject->set_up(b)) {
        uv_run(b->zl.uv, UV_RUN_DEFAULT);
        subject->close(b);
        if (b->failed != NULL)
            pk_bench_say(b, b->failed);
        else
            status = subject->report(b) > 0;
    }
    subject->release(b);
    free(b->work);
    end(b);
    return status;
}

void pk_bench_mark(struct pk_bench *b, int at)
{
    struct timespec day;
    clock_gettime(CLOCK_REALTIME, &day);
    *(at == 0 ? &b->begin_ms : &b->end_ms) = (int64_t)day.tv_sec * 1000 + day.tv_nsec / 1000000;
    *(at == 0 ? &b->begin : &b->end) = uv_hrtime();
    pk_usage_of(getpid(), &b->own[at]);
    for (int i = 0; i < b->opt.npids; i++)
        pk_usage_of(b->opt.pids[i].pid, &b->of[i][at]);
}

double pk_bench_seconds(const struct pk_bench *b)
{
    return (double)(b->end - b->begin) / 1e9;
}

void pk_bench_value(struct pk_bench *b, const char *key, const char *label, const char *format, double value)
{
    char text[64];
    snprintf(text, sizeof text, format, value);
    if (label != NULL)
        printf("  %-38s %12s\n", label, text);
    int n = snprintf(b->result + b->result_len, sizeof b->result - b->result_len, " %s=%s", key, text);
    if (n > 0 && (size_t)n < sizeof b->result - b->result_len)
        b->result_len += (size_t)n;
}

void pk_bench_time(struct pk_histogram *h, uint64_t from, uint64_t now)
{
    pk_histogram_add(h, (int64_t)(now - from), 1);
}

double pk_bench_us(const struct pk_histogram *h, double q)
{
    return (double)pk_histogram_quantile(h, q) / 1000.0;
}

void pk_bench_latency(struct pk_bench *b, const char *key, const char *label, const struct pk_histogram *h)
{
    static const struct {
        const char *key, *label;
        double q;
    } rows[] = {{"p50", "p50", 0.5}, {"p99", "p99", 0.99}, {"p999", "p99.9", 0.999}, {"max", "max", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char k[64], l[96];
        snprintf(k, sizeof k, "%s_%s_us", key, rows[i].key);
        snprintf(l, sizeof l, "%s %s, us", label, rows[i].label);
        pk_bench_value(b, k, l, "%.1f", pk_bench_us(h, rows[i].q));
    }
}

static void process_value(struct pk_bench *b, int i, const char *key, const char *label, const char *format,
                          double v)
{
    char k[128], l[128];
    snprintf(k, sizeof k, "%.*s_%s", b->opt.pids[i].name_len, b->opt.pids[i].name, key);
    snprintf(l, sizeof l, "%.*s: %s", b->opt.pids[i].name_len, b->opt.pids[i].name, label);
    pk_bench_value(b, k, l, format, v);
}

void pk_bench_processes(struct pk_bench *b, uint64_t requests)
{
    pk_bench_value(b, "own_cpu_s", "pk-bench: CPU, s", "%.2f", b->own[1].cpu_s - b->own[0].cpu_s);
    for (int i = 0; i < b->opt.npids; i++) {
        double cpu = b->of[i][1].cpu_s - b->of[i][0].cpu_s;
        process_value(b, i, "cpu_s", "CPU, s", "%.2f", cpu);
        process_value(b, i, "rss_kib", "memory at the end, KiB", "%.0f", (double)b->of[i][1].rss / 1024);
        if (requests > 0)
            process_value(b, i, "req_per_cpu_s", "requests per CPU-second", "%.0f",
                          cpu > 0 ? (double)requests / cpu : 0);
    }
}

void pk_bench_result(struct pk_bench *b)
{
    printf("result cmd=%s%s begin_ms=%lld end_ms=%lld\n", pk_bench_command_name(b->opt.command), b->result,
           (long long)b->begin_ms, (long long)b->end_ms);
    fflush(stdout);
}

void pk_bench_progress(const struct pk_bench *b, const char *format, ...)
{
    bool tty = isatty(STDERR_FILENO);
    va_list args;
    if (!tty && !b->opt.progress)
        return;
    if (tty)
        fputs("\r\033[K", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    if (!tty)
        fputc('\n', stderr);
}

void pk_bench_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
}
