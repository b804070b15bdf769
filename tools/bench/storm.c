/*
 * The simulated Storm cluster: phases, timers, counters, progress and report.
 *
 * Happy path: the phases of enum pk_storm_phase in order, each ended by the last answer that it waits for,
 * BEATING by its timer or by SIGINT. Failure modes: losing one of Nimbus' sessions, or a worker before the
 * measured stretch, ends the run; a worker lost later is counted and its beats are missing from then on.
 */
#include "tools/bench/storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tools/bench/beat.h"
#include "tools/bench/paths.h"
#include "tools/bench/request.h"

enum { TICK_MS = 500 };

const char *const pk_storm_dirs[] = {"assignments", "storms",   "supervisors", "workerbeats", "errors",
                                     "blobstore",   "nimbuses", "logconfigs",  "backpressure"};
const uint32_t pk_storm_ndirs = sizeof pk_storm_dirs / sizeof *pk_storm_dirs;

struct pk_storm *pk_storm_of(struct pk_zs *s)
{
    return ((struct pk_crowd *)s->owner)->owner;
}

void pk_storm_fail(struct pk_storm *st, const char *why)
{
    if (st->phase == PK_STORM_DONE)
        return;
    st->b->failed = why;
    pk_storm_enter(st, PK_STORM_DONE);
}

/* ---- the measured stretch ---- */

static void on_due(struct pk_pace *p, uint32_t party, uint64_t due)
{
    (void)due;
    pk_worker_due(p->owner, party);
}

static void on_scan(uv_timer_t *t)
{
    struct pk_storm *st = t->data;
    if (!st->nimbus.busy)
        pk_nimbus_scan(st);
}

static void on_tick(uv_timer_t *t)
{
    struct pk_storm *st = t->data;
    uint64_t now = uv_hrtime();
    double since = (double)(now - st->shown_at) / 1e9;
    pk_bench_progress(
        st->b,
        "%6.1f s  %u workers  %llu beats, %.0f/s  p50 %.0f us  p99 %.0f us  %llu scans, %llu reads  "
        "%llu errors",
        (double)(now - st->b->begin) / 1e9, st->workers, (unsigned long long)st->tally.beats,
        (double)(st->tally.beats - st->shown_beats) / since, pk_bench_us(&st->tally.beat, 0.5),
        pk_bench_us(&st->tally.beat, 0.99), (unsigned long long)st->tally.scans,
        (unsigned long long)st->tally.reads, (unsigned long long)pk_tally_errors(&st->tally, st->b));
    st->shown_beats = st->tally.beats;
    st->shown_at = now;
}

static void on_end(uv_timer_t *t)
{
    pk_storm_enter(t->data, PK_STORM_SETTLING);
}

static void begin_counting(struct pk_storm *st)
{
    pk_tally_restart(&st->tally);
    st->duties.latency = (struct pk_histogram){0};
    st->duties.late = st->shown_beats = 0;
    pk_bench_mark(st->b, 0);
    st->shown_at = st->b->begin;
}

static void on_warm(uv_timer_t *t)
{
    begin_counting(t->data);
}

static void start_beating(struct pk_storm *st)
{
    const struct pk_bench_opt *o = &st->b->opt;
    begin_counting(st);
    st->pace = (struct pk_pace){.owner = st,
                                .on_due = on_due,
                                .parties = st->workers,
                                .interval_ns = (double)o->period_ms * 1e6 / st->workers};
    if (!pk_pace_start(&st->pace, st->b->zl.uv)) {
        pk_storm_fail(st, "no timer");
        return;
    }
    if (st->line != NULL && !pk_duties_start(st)) {
        pk_storm_fail(st, "no timers");
        return;
    }
    uv_update_time(st->b->zl.uv);
    uv_timer_start(&st->nimbus.timer, on_scan, (uint64_t)o->scan_ms, (uint64_t)o->scan_ms);
    uv_timer_start(&st->tick, on_tick, TICK_MS, TICK_MS);
    if (o->warmup > 0)
        uv_timer_start(&st->warm, on_warm, (uint64_t)(o->warmup * 1000), 0);
    if (o->seconds > 0)
        uv_timer_start(&st->end, on_end, (uint64_t)((o->warmup + o->seconds) * 1000), 0);
}

static void stop_beating(struct pk_storm *st)
{
    pk_bench_mark(st->b, 1);
    pk_pace_stop(&st->pace);
    pk_duties_stop(st);
    uv_timer_stop(&st->nimbus.timer);
    uv_timer_stop(&st->tick);
    uv_timer_stop(&st->end);
    uv_timer_stop(&st->warm);
    pk_bench_progress_end();
    st->busy++;
    pk_storm_idle(st);
}

/* ---- phases ---- */

static bool alive(const struct pk_storm *st, uint32_t i)
{
    return st->crowd.s[i].state == PK_ZS_READY;
}

/* What is done once with --line; without, there is nothing to wait for. */
static void do_once(struct pk_storm *st, const struct pk_duty *duty)
{
    if (duty != NULL)
        pk_duty_once(st, duty);
    else
        pk_storm_enter(st, st->phase + 1);
}

static void start_workers(struct pk_storm *st)
{
    st->busy = st->workers;
    for (uint32_t i = 0; i < st->workers; i++)
        pk_worker_start(st, i);
}

static void let_workers_leave(struct pk_storm *st)
{
    st->busy = 1;
    for (uint32_t i = 0; i < st->workers; i += 2) {
        if (alive(st, i) && st->w[i].beat.acked > 0) {
            st->busy++;
            pk_worker_leave(st, i);
        }
    }
    pk_storm_idle(st);
}

static void finish(struct pk_storm *st)
{
    uv_timer_t *timers[] = {&st->warm, &st->end, &st->tick, &st->nimbus.timer};
    pk_pace_stop(&st->pace);
    pk_duties_stop(st);
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
        uv_close((uv_handle_t *)timers[i], NULL);
    pk_crowd_close(&st->crowd);
}

void pk_storm_enter(struct pk_storm *st, enum pk_storm_phase phase)
{
    st->phase = phase;
    switch (phase) {
    case PK_STORM_SUBMITTING:
        pk_nimbus_submit(st);
        break;
    case PK_STORM_FURNISHING:
        do_once(st, st->line != NULL ? &st->line->furnish : NULL);
        break;
    case PK_STORM_ENROLLING:
        do_once(st, st->line != NULL ? &st->line->enrol : NULL);
        break;
    case PK_STORM_STARTING:
        start_workers(st);
        break;
    case PK_STORM_BEATING:
        start_beating(st);
        break;
    case PK_STORM_SETTLING:
        stop_beating(st);
        break;
    case PK_STORM_CHECKING:
        pk_nimbus_scan(st);
        break;
    case PK_STORM_LEAVING:
        let_workers_leave(st);
        break;
    case PK_STORM_KILLING:
        pk_nimbus_kill(st);
        break;
    case PK_STORM_CLEARING:
        do_once(st, st->line != NULL ? &st->line->clear : NULL);
        break;
    case PK_STORM_DONE:
        finish(st);
    }
    pk_zs_flush(&st->b->zl);
}

void pk_storm_idle(struct pk_storm *st)
{
    if (--st->busy > 0)
        return;
    switch (st->phase) {
    case PK_STORM_FURNISHING:
    case PK_STORM_ENROLLING:
    case PK_STORM_STARTING:
    case PK_STORM_SETTLING:
    case PK_STORM_LEAVING:
    case PK_STORM_CLEARING:
        pk_storm_enter(st, st->phase + 1);
        break;
    case PK_STORM_CHECKING:
        pk_storm_enter(st, st->b->opt.keep ? PK_STORM_DONE : PK_STORM_LEAVING);
        break;
    default:
        break;
    }
}

static void on_all_ready(struct pk_crowd *c)
{
    pk_storm_enter(c->owner, PK_STORM_SUBMITTING);
}

static void on_lost(struct pk_crowd *c, struct pk_zs *s, const char *why)
{
    struct pk_storm *st = c->owner;
    st->tally.lost++;
    if (st->phase < PK_STORM_BEATING || (s->index >= st->workers && s->index < st->workers + 3))
        pk_storm_fail(st, why);
}

static void on_interrupt(struct pk_bench *b)
{
    struct pk_storm *st = b->work;
    if (st->phase == PK_STORM_BEATING)
        pk_storm_enter(st, PK_STORM_SETTLING);
    else
        pk_storm_fail(st, "interrupted");
}

/* ---- report ---- */

static uint64_t requests(const struct pk_storm *st)
{
    return st->tally.request.total + st->tally.read.total + st->duties.latency.total;
}

static void report_duties(struct pk_storm *st)
{
    struct pk_bench *b = st->b;
    const struct pk_duties *d = &st->duties;
    pk_bench_value(b, "supervisors", "supervisors", "%.0f", st->supervisors);
    pk_bench_value(b, "other", "all other requests", "%.0f", (double)d->latency.total);
    pk_bench_latency(b, "other", "other request", &d->latency);
    pk_bench_value(b, "late", "duties passed over, being late", "%.0f", (double)d->late);
    pk_bench_value(b, "requests_per_s", "requests a second in all", "%.0f",
                   (double)requests(st) / pk_bench_seconds(b));
}

static uint64_t report(struct pk_bench *b)
{
    static const struct pk_tally_words words = {"beat", "sessions", true};
    struct pk_storm *st = b->work;
    printf("storm: %u workers in %u topologies, a beat of %d bytes each %d ms, under %s\n", st->workers,
           st->topologies, b->opt.size, b->opt.period_ms, st->beats_root);
    b->result_len =
        (size_t)snprintf(b->result, sizeof b->result, " workers=%u topologies=%u size=%d period_ms=%d",
                         st->workers, st->topologies, b->opt.size, b->opt.period_ms);
    pk_tally_report(b, &st->tally, &words);
    if (st->line != NULL)
        report_duties(st);
    pk_bench_processes(b, requests(st));
    pk_bench_result(b);
    return pk_tally_errors(&st->tally, b);
}

/* ---- start and end ---- */

void pk_storm_supervisor_name(char name[PK_SUPERVISOR_NAME], uint32_t i)
{
    snprintf(name, PK_SUPERVISOR_NAME, "%08x-5a4c-4d2b-9e57-%012x-10.0.0.1", i, (unsigned)getpid());
}

uint32_t pk_storm_beat_size(const struct pk_storm *st, uint64_t seq)
{
    return st->line != NULL && seq == 1 ? st->line->first_size : (uint32_t)st->b->opt.size;
}

static bool name_everything(struct pk_storm *st)
{
    char name[PK_WORKER_NAME + 1];
    long epoch = (long)time(NULL);
    int n = snprintf(st->beats_root, sizeof st->beats_root, "%s/workerbeats", st->b->opt.root);
    if (n < 0 || n > PK_PATH_MAX - 128)
        return false;
    for (uint32_t t = 0; t < st->topologies; t++)
        snprintf(st->topology[t], sizeof *st->topology, "%.*s/pk-bench%d-%u-%ld", n, st->beats_root,
                 (int)getpid(), t + 1, epoch);
    for (uint32_t i = 0; i < st->workers; i++) {
        pk_worker_name(name, i);
        st->w[i].topology = i % st->topologies;
        size_t len = strlen(st->topology[st->w[i].topology]);
        memcpy(st->w[i].path, st->topology[st->w[i].topology], len);
        st->w[i].path[len] = '/';
        memcpy(st->w[i].path + len + 1, name, sizeof name);
    }
    return true;
}

static bool set_up(struct pk_bench *b)
{
    struct pk_storm *st = b->work;
    const struct pk_bench_opt *o = &b->opt;
    uv_timer_t *timers[] = {&st->warm, &st->end, &st->tick, &st->nimbus.timer};
    st->b = b;
    st->pace.fd = -1;
    st->workers = (uint32_t)o->workers;
    st->line = o->line != NULL ? pk_line_find(o->line) : NULL;
    st->supervisors = st->line != NULL ? (uint32_t)o->supervisors : 0;
    st->topologies = (uint32_t)(o->topologies < o->workers ? o->topologies : o->workers);
    st->w = calloc(st->workers, sizeof *st->w);
    st->topology = calloc(st->topologies, sizeof *st->topology);
    st->nimbus.list = calloc(st->workers, sizeof *st->nimbus.list);
    st->data = malloc((size_t)o->size);
    if (st->w == NULL || st->topology == NULL || st->nimbus.list == NULL || st->data == NULL ||
        !name_everything(st) || (st->line != NULL && !pk_duties_make(st)))
        return false;
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
        uv_timer_init(st->b->zl.uv, timers[i]);
        timers[i]->data = st;
    }
    st->crowd.loop = &st->b->zl;
    st->crowd.owner = st;
    st->crowd.on_all_ready = on_all_ready;
    st->crowd.on_lost = on_lost;
    return pk_crowd_open(&st->crowd, st->workers + (st->line != NULL ? 3 + st->supervisors : 2));
}

static void close_all(struct pk_bench *b)
{
    struct pk_storm *st = b->work;
    pk_crowd_free(&st->crowd);
}

static void release(struct pk_bench *b)
{
    struct pk_storm *st = b->work;
    pk_duties_free(st);
    free(st->w);
    free(st->topology);
    free(st->nimbus.list);
    free(st->data);
}

const struct pk_bench_subject pk_storm_subject = {
    sizeof(struct pk_storm), set_up, on_interrupt, close_all, report, release};
