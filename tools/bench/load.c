/*
 * Load on znodes: each session has its own, spread evenly, and repeats an operation of one or two requests on
 * them (beat: exists, setData), in a closed loop with `depth` requests in flight, or on a schedule.
 *
 * Happy path: sessions open -> znodes created -> warm-up -> measured stretch -> what is in flight is awaited
 * -> znodes deleted -> report. Against a frame echo only the middle of that happens.
 *
 * On a schedule an operation's latency counts from the time that it was due, also when its session was still
 * busy with the one before: a slow server cannot hide by slowing its load generator down. What was due and
 * has not been done at the end is reported as backlog.
 *
 * Failure modes: a lost session before the measured stretch ends the run; later it counts as an error, as
 * does every reply with an error code.
 */
#include "tools/bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/records.h"
#include "tools/bench/crowd.h"
#include "tools/bench/pace.h"
#include "tools/bench/paths.h"
#include "tools/bench/request.h"
#include "tools/bench/tree.h"

enum { PREPARE_DEPTH = 16 };

struct plan {
    const char *name;
    int32_t op[2];
    uint32_t steps;
};

static const struct plan plans[] = {
    {"beat", {PK_OP_EXISTS, PK_OP_SET_DATA}, 2},
    {"read-all", {PK_OP_EXISTS, PK_OP_GET_DATA}, 2},
    {"get", {PK_OP_GET_DATA}, 1},
    {"set", {PK_OP_SET_DATA}, 1},
    {"exists", {PK_OP_EXISTS}, 1},
    {"list", {PK_OP_GET_CHILDREN2}, 1},
};

enum phase { PREPARING, WARMING, MEASURING, DRAINING, REMOVING, DONE };

/* What a session is at. */
struct item {
    uint32_t znode; /* number of the znode in work */
    uint32_t step;  /* of the plan, for the next request */
    uint32_t inflight;
    uint64_t started; /* operations begun on the schedule */
    uint64_t due;     /* of the operation in work, ns */
};

struct load {
    struct pk_bench *b;
    const struct plan *plan;
    struct pk_crowd crowd;
    struct pk_pace pace;
    struct pk_mkdirs mkdirs;
    struct pk_paths paths;
    struct item *items;
    uint8_t *data;
    uint64_t writes; /* stamps the data, so that no two are alike */
    uv_timer_t timer;
    enum phase phase;
    uint32_t waiting; /* requests to be answered before the phase ends: PREPARING, DRAINING, REMOVING */
    uint64_t requests, operations, errors, backlog;
    uint64_t bytes; /* of replies */
    struct pk_histogram request, operation;
};

static void begin_phase(struct load *l, enum phase phase);
static void on_reply(struct pk_zs *s, const struct pk_zs_reply *r);

static struct load *load_of(struct pk_zs *s)
{
    return ((struct pk_crowd *)s->owner)->owner;
}

static void fail(struct load *l, const char *why)
{
    if (l->phase == DONE)
        return;
    l->b->failed = why;
    begin_phase(l, DONE);
}

static struct pk_bytes fresh_data(struct load *l)
{
    pk_put_long(l->data + 8, (int64_t)++l->writes);
    return (struct pk_bytes){l->data, (uint32_t)l->b->opt.size};
}

/* The session's next znode; false when it was the last one and a new round begins. */
static bool advance(struct load *l, struct pk_zs *s, struct item *it)
{
    it->znode += l->crowd.n;
    if (it->znode < (uint32_t)l->b->opt.znodes)
        return true;
    it->znode = s->index;
    return false;
}

/* ---- the measured load ---- */

static void send_next(struct load *l, struct pk_zs *s, struct item *it, uint64_t now)
{
    struct pk_bytes path = pk_paths_at(&l->paths, it->znode);
    int32_t op = l->plan->op[it->step];
    if (op == PK_OP_SET_DATA)
        pk_zs_set(s, path, fresh_data(l), on_reply, now);
    else
        pk_zs_read(s, op, op == PK_OP_GET_CHILDREN2 ? pk_zs_path(l->b->opt.root) : path, on_reply, now);
    it->inflight++;
    if (++it->step == l->plan->steps) {
        it->step = 0;
        advance(l, s, it);
    }
}

static void fill(struct load *l, struct pk_zs *s, struct item *it, uint64_t now)
{
    while (it->inflight < (uint32_t)l->b->opt.depth)
        send_next(l, s, it, now);
}

static void begin_operation(struct load *l, struct pk_zs *s, struct item *it, uint64_t now)
{
    it->due = pk_pace_due(&l->pace, s->index, it->started++);
    send_next(l, s, it, now);
}

static void on_due(struct pk_pace *p, uint32_t party, uint64_t due)
{
    struct load *l = p->owner;
    struct pk_zs *s = &l->crowd.s[party];
    (void)due;
    if (s->state != PK_ZS_READY || l->items[party].inflight != 0)
        return;
    begin_operation(l, s, &l->items[party], uv_hrtime());
    pk_zs_flush(&l->b->zl);
}

static void end_operation(struct load *l, struct pk_zs *s, struct item *it, uint64_t now)
{
    if (l->phase == MEASURING) {
        l->operations++;
        pk_bench_time(&l->operation, it->due, now);
    }
    if (l->phase >= DRAINING)
        return;
    if (l->b->opt.rate == 0) {
        it->due = now;
        fill(l, s, it, now);
    } else if (pk_pace_due(&l->pace, s->index, it->started) <= now) {
        begin_operation(l, s, it, now);
    }
}

static void on_reply(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct load *l = load_of(s);
    struct item *it = &l->items[s->index];
    it->inflight--;
    if (l->phase == MEASURING) {
        l->requests++;
        l->bytes += PK_LEN_WORD + PK_REPLY_HEADER + r->len;
        l->errors += r->err != PK_Z_OK;
        pk_bench_time(&l->request, r->asked, r->answered);
    }
    if (r->err != PK_ZS_LOST) {
        bool whole = r->op == l->plan->op[l->plan->steps - 1];
        if (whole)
            end_operation(l, s, it, r->answered);
        else if (l->b->opt.rate != 0)
            send_next(l, s, it, r->answered);
        else if (l->phase < DRAINING)
            fill(l, s, it, r->answered);
    }
    if (l->phase == DRAINING && it->inflight == 0 && --l->waiting == 0)
        begin_phase(l, REMOVING);
}

/* ---- before and after it ---- */

static void on_prepared(struct pk_zs *s, const struct pk_zs_reply *r);

static void prepare_next(struct load *l, struct pk_zs *s)
{
    struct item *it = &l->items[s->index];
    struct pk_bytes path = pk_paths_at(&l->paths, it->znode);
    if (l->phase == PREPARING)
        pk_zs_create(s, path, fresh_data(l), on_prepared, uv_hrtime());
    else
        pk_zs_delete(s, path, on_prepared, uv_hrtime());
    it->inflight++;
    it->step = advance(l, s, it) ? 0 : 1;
}

static void prepare_more(struct load *l, struct pk_zs *s)
{
    struct item *it = &l->items[s->index];
    while (it->step == 0 && it->inflight < PREPARE_DEPTH)
        prepare_next(l, s);
    if (it->inflight == 0 && --l->waiting == 0) {
        pk_zs_flush(&l->b->zl);
        begin_phase(l, l->phase == PREPARING ? WARMING : DONE);
    }
}

static void on_prepared(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct load *l = load_of(s);
    l->items[s->index].inflight--;
    if (r->err == PK_Z_OK || (r->err == PK_Z_NODE_EXISTS && l->phase == PREPARING) || r->err == PK_Z_NO_NODE)
        prepare_more(l, s);
    else
        fail(l, l->phase == PREPARING ? "a znode could not be created" : "a znode could not be deleted");
}

/* Starts the work of every session for a phase that is a list of requests. */
static void prepare_all(struct load *l)
{
    l->waiting = 0;
    for (uint32_t i = 0; i < l->crowd.n; i++)
        l->waiting += l->crowd.s[i].state == PK_ZS_READY;
    if (l->waiting == 0)
        fail(l, "every session was lost");
    for (uint32_t i = 0; i < l->crowd.n && l->phase != DONE; i++) {
        l->items[i] = (struct item){.znode = i};
        if (l->crowd.s[i].state == PK_ZS_READY)
            prepare_more(l, &l->crowd.s[i]);
    }
    pk_zs_flush(&l->b->zl);
}

static void start_load(struct load *l)
{
    uint64_t now = uv_hrtime();
    if (l->b->opt.rate > 0) {
        l->pace.owner = l;
        l->pace.on_due = on_due;
        l->pace.parties = l->crowd.n;
        l->pace.interval_ns = 1e9 / l->b->opt.rate;
    }
    for (uint32_t i = 0; i < l->crowd.n; i++)
        l->items[i] = (struct item){.znode = i, .due = now};
    if (l->b->opt.rate > 0 && !pk_pace_start(&l->pace, l->b->zl.uv))
        fail(l, "no timer");
    for (uint32_t i = 0; i < l->crowd.n && l->b->opt.rate == 0; i++)
        if (l->crowd.s[i].state == PK_ZS_READY)
            fill(l, &l->crowd.s[i], &l->items[i], now);
    pk_zs_flush(&l->b->zl);
}

static void stop_load(struct load *l)
{
    uint64_t now = uv_hrtime();
    l->waiting = 0;
    for (uint32_t i = 0; i < l->crowd.n; i++) {
        struct item *it = &l->items[i];
        while (l->b->opt.rate > 0 && pk_pace_due(&l->pace, i, it->started) <= now) {
            pk_bench_time(&l->operation, pk_pace_due(&l->pace, i, it->started++), now);
            l->backlog++;
        }
        l->waiting += it->inflight > 0;
    }
    if (l->b->opt.rate > 0)
        pk_pace_stop(&l->pace);
    if (l->waiting == 0)
        begin_phase(l, REMOVING);
}

static void on_timer(uv_timer_t *t)
{
    struct load *l = t->data;
    begin_phase(l, l->phase + 1);
}

static void wait_seconds(struct load *l, double s)
{
    uv_update_time(l->b->zl.uv);
    uv_timer_start(&l->timer, on_timer, (uint64_t)(s * 1000), 0);
}

static void begin_phase(struct load *l, enum phase phase)
{
    bool raw = l->b->zl.raw;
    l->phase = phase;
    switch (phase) {
    case PREPARING:
        prepare_all(l);
        break;
    case WARMING:
        start_load(l);
        wait_seconds(l, l->b->opt.warmup);
        break;
    case MEASURING:
        pk_bench_mark(l->b, 0);
        wait_seconds(l, l->b->opt.seconds);
        break;
    case DRAINING:
        pk_bench_mark(l->b, 1);
        stop_load(l);
        break;
    case REMOVING:
        if (raw || l->b->opt.keep)
            begin_phase(l, DONE);
        else
            prepare_all(l);
        break;
    case DONE:
        uv_close((uv_handle_t *)&l->timer, NULL);
        pk_crowd_close(&l->crowd);
    }
}

static void on_root(struct pk_zs *s, int err)
{
    struct load *l = load_of(s);
    if (err != PK_Z_OK)
        fail(l, "the znodes' parent could not be created");
    else
        begin_phase(l, PREPARING);
}

static void on_all_ready(struct pk_crowd *c)
{
    struct load *l = c->owner;
    if (l->b->zl.raw)
        begin_phase(l, WARMING);
    else
        pk_mkdirs(&l->mkdirs, &c->s[0], l->b->opt.root, on_root);
}

static void on_lost(struct pk_crowd *c, struct pk_zs *s, const char *why)
{
    struct load *l = c->owner;
    (void)s;
    l->errors++;
    if (l->phase < WARMING)
        fail(l, why);
}

static uint64_t report(struct pk_bench *b)
{
    struct load *l = b->work;
    double t = pk_bench_seconds(b);
    printf("%s: %d sessions, depth %d, %d znodes of %d bytes under %s\n", l->plan->name, b->opt.sessions,
           b->opt.depth, b->opt.znodes, b->opt.size, b->opt.root);
    b->result_len =
        (size_t)snprintf(b->result, sizeof b->result, " op=%s sessions=%d depth=%d size=%d rate=%.0f",
                         l->plan->name, b->opt.sessions, b->opt.depth, b->opt.size, b->opt.rate);
    pk_bench_value(b, "seconds", "seconds", "%.2f", t);
    pk_bench_value(b, "requests", "requests", "%.0f", (double)l->requests);
    pk_bench_value(b, "rps", "requests a second", "%.0f", (double)l->requests / t);
    if (b->opt.depth == 1 || l->plan->steps == 1)
        pk_bench_value(b, "ops", "operations a second", "%.0f", (double)l->operations / t);
    pk_bench_value(b, "reply_bytes", "bytes of a reply", "%.0f",
                   l->requests > 0 ? (double)l->bytes / (double)l->requests : 0);
    pk_bench_latency(b, "req", "request", &l->request);
    if (b->opt.depth == 1)
        pk_bench_latency(b, "op", b->opt.rate > 0 ? "operation, since due," : "operation", &l->operation);
    if (b->opt.rate > 0)
        pk_bench_value(b, "backlog", "due, but not done", "%.0f", (double)l->backlog);
    pk_bench_value(b, "errors", "errors", "%.0f", (double)(l->errors + b->zl.broken));
    pk_bench_processes(b, l->requests);
    pk_bench_result(b);
    return l->errors + b->zl.broken;
}

static bool set_up(struct pk_bench *b)
{
    struct load *l = b->work;
    const struct pk_bench_opt *o = &b->opt;
    l->b = b;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
        if (strcmp(o->op, plans[i].name) == 0)
            l->plan = &plans[i];
    if (l->plan == NULL) {
        pk_bench_say(l->b, "--op is one of beat, get, set, exists, read-all, list");
        return false;
    }
    l->items = calloc((size_t)o->sessions, sizeof *l->items);
    l->data = malloc((size_t)o->size);
    if (l->items == NULL || l->data == NULL || !pk_paths_make(&l->paths, o->root, (uint32_t)o->znodes))
        return false;
    for (int i = 0; i < o->size; i++)
        l->data[i] = (uint8_t)(i * 131 + (i >> 3));
    uv_timer_init(l->b->zl.uv, &l->timer);
    l->timer.data = l;
    l->crowd.loop = &l->b->zl;
    l->crowd.owner = l;
    l->crowd.on_all_ready = on_all_ready;
    l->crowd.on_lost = on_lost;
    return pk_crowd_open(&l->crowd, (uint32_t)o->sessions);
}

static void on_interrupt(struct pk_bench *b)
{
    fail(b->work, "interrupted");
}

static void close_all(struct pk_bench *b)
{
    struct load *l = b->work;
    pk_crowd_free(&l->crowd);
}

static void release(struct pk_bench *b)
{
    struct load *l = b->work;
    pk_paths_free(&l->paths);
    free(l->items);
    free(l->data);
}

const struct pk_bench_subject pk_load_subject = {sizeof(struct load), set_up, on_interrupt,
                                                 close_all,           report, release};
