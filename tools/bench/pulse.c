/*
 * Pulses: a connection for each worker, which sends SEND_PULSE on a schedule, and one for Nimbus
 * (pulse_nimbus.c). With --connections several workers share one: not as in Storm, for more pulses than there are
 * descriptors.
 *
 * Happy path: connections open -> beating -> pulses in flight and the scan in work are awaited -> Nimbus reads every
 * last value back -> deletes the topologies and looks whether they are gone -> report. Each value read is checked as
 * in the simulated Storm cluster (storm.h), so that a run also proves our encoder of the messages.
 * Failure modes: a connection lost before the measured stretch, or Nimbus' at any time, ends the run; a worker's lost
 * later is counted, as is every reply that is not the one asked for.
 */
#include "tools/bench/pulse.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tools/bench/beat.h"
#include "tools/bench/crowd.h"
#include "tools/bench/pace.h"
#include "tools/bench/paths.h"
#include "tools/bench/pulse_state.h"
#include "tools/bench/request.h"

static void enter(struct pk_pulses *ps, enum pk_pulses_phase phase);

static void fail(struct pk_pulses *ps, const char *why)
{
    if (ps->phase == PK_PULSES_DONE)
        return;
    ps->b->failed = why;
    enter(ps, PK_PULSES_DONE);
}

/* ---- names and messages ---- */

int pk_pulses_topology(const struct pk_pulses *ps, char *path, uint32_t t)
{
    return snprintf(path, PK_KEY_MAX, PK_PULSES_ROOT "/pk-bench-%u-%ld", t + 1, ps->epoch);
}

void pk_pulses_key(const struct pk_pulses *ps, char *key, uint32_t i)
{
    int n = pk_pulses_topology(ps, key, i % ps->topologies);
    key[n] = '/';
    pk_worker_name(key + n + 1, i);
}

void pk_pulses_ask(struct pk_zs *s, int32_t type, const char *path, pk_zs_fn fn, uint64_t now)
{
    int32_t id = pk_zs_next_id(s);
    struct pk_bytes p = pk_zs_path(path);
    pk_zs_send_frame(s, id, pk_pulse_put_path(pk_zs_begin_frame(s, PK_PULSE_ROOM + p.len), type, id, p), fn,
                     now);
}

/* A reply of the type asked for; anything else is counted. A lost connection's answer is none. */
bool pk_pulses_reply_is(struct pk_pulses *ps, const struct pk_zs_reply *r, int32_t type, struct pk_pulse *m)
{
    bool good = r->err != PK_ZS_LOST && pk_pulse_decode(r->body, r->len, m) == PK_OK && m->type == type;
    ps->tally.refused += !good && r->err != PK_ZS_LOST;
    return good;
}

/* ---- workers ---- */

static void begin_beat(struct pk_pulses *ps, uint32_t i, uint64_t now);

/* A worker's pulse or Nimbus' scan ended; the last one ends the phase that waits for it. */
void pk_pulses_idle(struct pk_pulses *ps)
{
    if (--ps->busy == 0 && (ps->phase == PK_PULSES_SETTLING || ps->phase == PK_PULSES_CHECKING))
        enter(ps, ps->phase + 1);
}

static void on_sent(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_pulses *ps = pk_pulses_of(s);
    struct pk_beater *w = s->task;
    uint32_t i = (uint32_t)(w - ps->w);
    struct pk_pulse m;
    w->busy = false;
    if (pk_pulses_reply_is(ps, r, pk_pulse_answer(PK_PULSE_SEND), &m)) {
        pk_tally_beat(&ps->tally, w, r->answered);
    }
    if (r->err != PK_ZS_LOST && ps->phase == PK_PULSES_BEATING &&
        pk_pace_due(&ps->pace, i, w->begun) <= r->answered)
        begin_beat(ps, i, r->answered);
    else
        pk_pulses_idle(ps);
}

static void begin_beat(struct pk_pulses *ps, uint32_t i, uint64_t now)
{
    struct pk_beater *w = &ps->w[i];
    struct pk_zs *s = &ps->crowd.s[i % ps->connections];
    int32_t id = pk_zs_next_id(s);
    uint32_t size = (uint32_t)ps->b->opt.size;
    char key[PK_KEY_MAX];
    w->due = pk_pace_due(&ps->pace, i, w->begun++);
    w->busy = true;
    pk_pulses_key(ps, key, i);
    pk_beat_fill(ps->data, size, i, ++w->sent);
    uint8_t *p = pk_zs_begin_frame(s, PK_PULSE_ROOM + PK_KEY_MAX + size);
    p = pk_pulse_put_send(p, id, pk_zs_path(key), (struct pk_bytes){ps->data, size});
    s->task = w;
    pk_zs_send_frame(s, id, p, on_sent, now);
}

static void on_due(struct pk_pace *p, uint32_t party, uint64_t due)
{
    struct pk_pulses *ps = p->owner;
    (void)due;
    if (ps->w[party].busy || ps->crowd.s[party % ps->connections].state != PK_ZS_READY)
        return;
    ps->busy++;
    begin_beat(ps, party, uv_hrtime());
    pk_zs_flush(&ps->b->zl);
}

/* ---- tearing down ---- */

static void delete_next(struct pk_pulses *ps, uint64_t now);

static void on_gone(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_pulses *ps = pk_pulses_of(s);
    struct pk_pulse m;
    if (r->err == PK_ZS_LOST)
        return;
    if (pk_pulses_reply_is(ps, r, pk_pulse_answer(PK_PULSE_LIST), &m))
        ps->tally.refused += m.nnodes != 0;
    ps->topology++;
    delete_next(ps, r->answered);
}

static void on_deleted(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_pulses *ps = pk_pulses_of(s);
    struct pk_pulse m;
    char path[PK_KEY_MAX];
    if (r->err == PK_ZS_LOST)
        return;
    pk_pulses_reply_is(ps, r, pk_pulse_answer(PK_PULSE_DELETE), &m);
    pk_pulses_topology(ps, path, ps->topology);
    pk_pulses_ask(s, PK_PULSE_LIST, path, on_gone, r->answered);
}

static void delete_next(struct pk_pulses *ps, uint64_t now)
{
    char path[PK_KEY_MAX];
    if (ps->topology == ps->topologies) {
        enter(ps, PK_PULSES_DONE);
        return;
    }
    pk_pulses_topology(ps, path, ps->topology);
    pk_pulses_ask(pk_pulses_nimbus(ps), PK_PULSE_DELETE, path, on_deleted, now);
}

/* ---- phases ---- */

static void on_end(uv_timer_t *t)
{
    enter(t->data, PK_PULSES_SETTLING);
}

static void begin_counting(struct pk_pulses *ps)
{
    pk_tally_restart(&ps->tally);
    pk_bench_mark(ps->b, 0);
}

static void on_warm(uv_timer_t *t)
{
    begin_counting(t->data);
}

static void start_beating(struct pk_pulses *ps)
{
    const struct pk_bench_opt *o = &ps->b->opt;
    begin_counting(ps);
    ps->pace = (struct pk_pace){.owner = ps,
                                .on_due = on_due,
                                .parties = ps->workers,
                                .interval_ns = (double)o->period_ms * 1e6 / ps->workers};
    if (!pk_pace_start(&ps->pace, ps->b->zl.uv)) {
        fail(ps, "no timer");
        return;
    }
    uv_update_time(ps->b->zl.uv);
    uv_timer_start(&ps->scan, pk_pulses_on_scan, (uint64_t)o->scan_ms, (uint64_t)o->scan_ms);
    if (o->warmup > 0)
        uv_timer_start(&ps->warm, on_warm, (uint64_t)(o->warmup * 1000), 0);
    if (o->seconds > 0)
        uv_timer_start(&ps->end, on_end, (uint64_t)((o->warmup + o->seconds) * 1000), 0);
}

static void stop_beating(struct pk_pulses *ps)
{
    pk_bench_mark(ps->b, 1);
    pk_pace_stop(&ps->pace);
    uv_timer_stop(&ps->scan);
    uv_timer_stop(&ps->end);
    uv_timer_stop(&ps->warm);
    ps->busy++;
    pk_pulses_idle(ps);
}

static void finish(struct pk_pulses *ps)
{
    if (ps->pace.fd >= 0)
        pk_pace_stop(&ps->pace);
    uv_close((uv_handle_t *)&ps->warm, NULL);
    uv_close((uv_handle_t *)&ps->end, NULL);
    uv_close((uv_handle_t *)&ps->scan, NULL);
    pk_crowd_close(&ps->crowd);
}

static void enter(struct pk_pulses *ps, enum pk_pulses_phase phase)
{
    ps->phase = phase;
    switch (phase) {
    case PK_PULSES_BEATING:
        start_beating(ps);
        break;
    case PK_PULSES_SETTLING:
        stop_beating(ps);
        break;
    case PK_PULSES_CHECKING:
        pk_pulses_scan(ps);
        break;
    case PK_PULSES_DELETING:
        ps->topology = 0;
        delete_next(ps, uv_hrtime());
        break;
    default:
        finish(ps);
    }
    pk_zs_flush(&ps->b->zl);
}

static void on_all_ready(struct pk_crowd *c)
{
    enter(c->owner, PK_PULSES_BEATING);
}

static void on_lost(struct pk_crowd *c, struct pk_zs *s, const char *why)
{
    struct pk_pulses *ps = c->owner;
    ps->tally.lost++;
    if (ps->phase < PK_PULSES_BEATING || s->index == ps->connections)
        fail(ps, why);
}

static void on_interrupt(struct pk_bench *b)
{
    struct pk_pulses *ps = b->work;
    if (ps->phase == PK_PULSES_BEATING)
        enter(ps, PK_PULSES_SETTLING);
    else
        fail(ps, "interrupted");
}

/* ---- report, start and end ---- */

static uint64_t report(struct pk_bench *b)
{
    static const struct pk_tally_words words = {"pulse", "connections", false};
    struct pk_pulses *ps = b->work;
    printf("pulses: %u workers in %u topologies on %u connections, a pulse of %d bytes each %d ms\n",
           ps->workers, ps->topologies, ps->connections, b->opt.size, b->opt.period_ms);
    b->result_len = (size_t)snprintf(
        b->result, sizeof b->result, " workers=%u topologies=%u connections=%u size=%d period_ms=%d",
        ps->workers, ps->topologies, ps->connections, b->opt.size, b->opt.period_ms);
    pk_tally_report(b, &ps->tally, &words);
    pk_bench_processes(b, ps->tally.beats + ps->tally.reads);
    pk_bench_result(b);
    return pk_tally_errors(&ps->tally, b);
}

static bool set_up(struct pk_bench *b)
{
    struct pk_pulses *ps = b->work;
    const struct pk_bench_opt *o = &b->opt;
    ps->b = b;
    ps->pace.fd = -1;
    ps->epoch = (long)time(NULL);
    ps->workers = (uint32_t)o->workers;
    ps->topologies = (uint32_t)(o->topologies < o->workers ? o->topologies : o->workers);
    ps->connections =
        (uint32_t)(o->connections > 0 && o->connections < o->workers ? o->connections : o->workers);
    ps->w = calloc(ps->workers, sizeof *ps->w);
    ps->list = calloc(ps->workers, sizeof *ps->list);
    ps->data = malloc((size_t)o->size);
    if (ps->w == NULL || ps->list == NULL || ps->data == NULL)
        return false;
    uv_timer_init(b->zl.uv, &ps->warm);
    uv_timer_init(b->zl.uv, &ps->end);
    uv_timer_init(b->zl.uv, &ps->scan);
    ps->warm.data = ps->end.data = ps->scan.data = ps;
    ps->crowd.loop = &b->zl;
    ps->crowd.owner = ps;
    ps->crowd.on_all_ready = on_all_ready;
    ps->crowd.on_lost = on_lost;
    return pk_crowd_open(&ps->crowd, ps->connections + 1);
}

static void close_all(struct pk_bench *b)
{
    struct pk_pulses *ps = b->work;
    pk_crowd_free(&ps->crowd);
}

static void release(struct pk_bench *b)
{
    struct pk_pulses *ps = b->work;
    free(ps->w);
    free(ps->list);
    free(ps->data);
}

const struct pk_bench_subject pk_pulse_subject = {
    sizeof(struct pk_pulses), set_up, on_interrupt, close_all, report, release};
