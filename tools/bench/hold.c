/*
 * Memory of connections and znodes, from the growth of the resident memory of the processes under --pid.
 *
 * Happy path, idle: one session, mark; all the others, one exists each (so that every connection has worked
 * once), hold them for --seconds, mark. Happy path, znodes: all sessions, the parent, as many znodes as there
 * are sessions (so that every buffer has been used), mark; all the other znodes, mark; then they are deleted.
 * Creates and deletes are pipelined, DEPTH a session, and timed.
 * Failure modes: a lost session or a request that fails ends the run.
 */
#include "tools/bench/hold.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/records.h"
#include "tools/bench/crowd.h"
#include "tools/bench/paths.h"
#include "tools/bench/request.h"
#include "tools/bench/tree.h"

enum { DEPTH = 16, SETTLE_MS = 500 };
enum phase { OPENING, FIRST, REST, HOLDING, DELETING, DONE };

/* Changes that were made one after the other: how many, how long they took, and CPU time of the first process under
 * --pid. */
struct stretch {
    uint32_t changes;
    uint64_t began, ended; /* ns */
    struct pk_usage before, after;
};

struct hold {
    struct pk_bench *b;
    struct pk_crowd first,
        crowd; /* idle: the session before the first mark; all sessions that are measured */
    struct pk_mkdirs mkdirs;
    struct pk_paths paths;
    uint8_t *data;
    uv_timer_t timer;
    enum phase phase;
    uint32_t next, end; /* znodes: the next number, and where this phase ends */
    uint32_t inflight;
    struct stretch took[DONE]; /* znodes: by phase */
};

static void enter(struct hold *h, enum phase phase);

static struct hold *hold_of(struct pk_zs *s)
{
    return ((struct pk_crowd *)s->owner)->owner;
}

static void fail(struct hold *h, const char *why)
{
    if (h->phase == DONE)
        return;
    h->b->failed = why;
    enter(h, DONE);
}

static void on_lost(struct pk_crowd *c, struct pk_zs *s, const char *why)
{
    (void)s;
    fail(c->owner, why);
}

static void on_timer(uv_timer_t *t)
{
    struct hold *h = t->data;
    enter(h, h->phase + 1);
}

/* Lets what was asked come to rest, then enters the next phase. */
static void wait_ms(struct hold *h, uint64_t ms)
{
    uv_update_time(h->b->zl.uv);
    uv_timer_start(&h->timer, on_timer, ms, 0);
}

static void open_crowd(struct hold *h, struct pk_crowd *c, uint32_t n,
                       void (*on_all_ready)(struct pk_crowd *))
{
    c->loop = &h->b->zl;
    c->owner = h;
    c->on_all_ready = on_all_ready;
    c->on_lost = on_lost;
    if (!pk_crowd_open(c, n))
        fail(h, "out of memory");
}

/* ---- idle ---- */

static void on_looked(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct hold *h = hold_of(s);
    if (r->err != PK_Z_OK)
        fail(h, "exists of / failed");
    else if (--h->inflight == 0)
        wait_ms(h, (uint64_t)(h->b->opt.seconds * 1000));
}

static void on_idle_ready(struct pk_crowd *c)
{
    struct hold *h = c->owner;
    h->inflight = c->n;
    for (uint32_t i = 0; i < c->n; i++)
        pk_zs_read(&c->s[i], PK_OP_EXISTS, PK_BYTES("/"), on_looked, uv_hrtime());
}

static void on_first_ready(struct pk_crowd *c)
{
    struct hold *h = c->owner;
    h->phase = FIRST;
    wait_ms(h, SETTLE_MS);
}

static void enter_idle(struct hold *h, enum phase phase)
{
    if (phase == REST) {
        pk_bench_mark(h->b, 0);
        open_crowd(h, &h->crowd, (uint32_t)h->b->opt.sessions, on_idle_ready);
    } else {
        pk_bench_mark(h->b, 1);
        enter(h, DONE);
    }
}

/* ---- znodes ---- */

static void on_changed(struct pk_zs *s, const struct pk_zs_reply *r);

static void change_next(struct hold *h, struct pk_zs *s)
{
    struct pk_bytes path = pk_paths_at(&h->paths, h->next++);
    h->inflight++;
    if (h->phase == DELETING)
        pk_zs_delete(s, path, on_changed, uv_hrtime());
    else
        pk_zs_create(s, path, (struct pk_bytes){h->data, (uint32_t)h->b->opt.size}, on_changed, uv_hrtime());
}

static void begin_stretch(struct hold *h)
{
    struct stretch *t = &h->took[h->phase];
    *t = (struct stretch){.changes = h->end - h->next, .began = uv_hrtime()};
    if (h->b->opt.npids > 0)
        pk_usage_of(h->b->opt.pids[0].pid, &t->before);
}

static void end_stretch(struct hold *h)
{
    struct stretch *t = &h->took[h->phase];
    t->ended = uv_hrtime();
    if (h->b->opt.npids > 0)
        pk_usage_of(h->b->opt.pids[0].pid, &t->after);
}

static void on_changed(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct hold *h = hold_of(s);
    h->inflight--;
    if (r->err != PK_Z_OK) {
        fail(h, h->phase == DELETING ? "a znode could not be deleted" : "a znode could not be created");
    } else if (h->next < h->end) {
        change_next(h, s);
    } else if (h->inflight == 0) {
        end_stretch(h);
        wait_ms(h, SETTLE_MS);
    }
}

static void change_all(struct hold *h, uint32_t from, uint32_t end)
{
    h->next = from;
    h->end = end;
    begin_stretch(h);
    for (uint32_t i = 0; i < h->crowd.n; i++)
        for (int k = 0; k < DEPTH && h->next < end; k++)
            change_next(h, &h->crowd.s[i]);
    if (h->inflight == 0)
        wait_ms(h, 0);
    pk_zs_flush(&h->b->zl);
}

static void on_root(struct pk_zs *s, int err)
{
    if (err != PK_Z_OK)
        fail(hold_of(s), "the znodes' parent could not be created");
    else
        enter(hold_of(s), FIRST);
}

static void on_znodes_ready(struct pk_crowd *c)
{
    struct hold *h = c->owner;
    pk_mkdirs(&h->mkdirs, &c->s[0], h->b->opt.root, on_root);
}

static void enter_znodes(struct hold *h, enum phase phase)
{
    uint32_t n = (uint32_t)h->b->opt.znodes, warm = h->crowd.n * DEPTH < n / 2 ? h->crowd.n * DEPTH : n / 2;
    h->phase = phase;
    switch (phase) {
    case FIRST:
        change_all(h, 0, warm);
        break;
    case REST:
        pk_bench_mark(h->b, 0);
        change_all(h, warm, n);
        break;
    case HOLDING:
        pk_bench_mark(h->b, 1);
        enter_znodes(h, h->b->opt.keep ? DONE : DELETING);
        break;
    case DELETING:
        change_all(h, 0, n);
        break;
    default:
        enter(h, DONE);
    }
}

/* ---- both ---- */

static void enter(struct hold *h, enum phase phase)
{
    h->phase = phase;
    if (phase == DONE) {
        uv_close((uv_handle_t *)&h->timer, NULL);
        if (h->first.n > 0)
            pk_crowd_close(&h->first);
        if (h->crowd.n > 0)
            pk_crowd_close(&h->crowd);
        pk_zs_flush(&h->b->zl);
    } else if (h->b->opt.command == PK_BENCH_IDLE) {
        enter_idle(h, phase);
    } else {
        enter_znodes(h, phase);
    }
}

static void report_rate(struct pk_bench *b, enum phase phase, const char *key, const char *label)
{
    const struct stretch *t = &((struct hold *)b->work)->took[phase];
    double cpu = t->after.cpu_s - t->before.cpu_s;
    char per_cpu[64];
    if (t->ended == 0)
        return;
    pk_bench_value(b, key, label, "%.0f", t->changes / ((double)(t->ended - t->began) / 1e9));
    snprintf(per_cpu, sizeof per_cpu, "%s_per_cpu_s", key);
    if (cpu > 0)
        pk_bench_value(b, per_cpu, "  a CPU-second of the first process", "%.0f", t->changes / cpu);
}

static uint64_t report(struct pk_bench *b)
{
    struct hold *h = b->work;
    bool idle = b->opt.command == PK_BENCH_IDLE;
    uint32_t n = idle ? h->crowd.n : (uint32_t)b->opt.znodes;
    uint32_t warm = idle ? 0 : (h->crowd.n * DEPTH < n / 2 ? h->crowd.n * DEPTH : n / 2);
    double known = idle ? 0 : b->opt.size + PK_WORKER_NAME;
    if (idle)
        printf("idle: %u sessions held for %g s\n", n, b->opt.seconds);
    else
        printf("znodes: %u of %d bytes with names of %d under %s\n", n, b->opt.size, PK_WORKER_NAME,
               b->opt.root);
    b->result_len = (size_t)snprintf(b->result, sizeof b->result, " n=%u size=%d", n, b->opt.size);
    for (int i = 0; i < b->opt.npids; i++) {
        char key[128], label[160];
        double grown = ((double)b->of[i][1].rss - (double)b->of[i][0].rss) / (n - warm);
        snprintf(key, sizeof key, "%.*s_bytes_each", b->opt.pids[i].name_len, b->opt.pids[i].name);
        snprintf(label, sizeof label, "%.*s: bytes per %s", b->opt.pids[i].name_len, b->opt.pids[i].name,
                 idle ? "connection" : "znode beyond data and name");
        pk_bench_value(b, key, label, "%.0f", grown - known);
    }
    report_rate(b, REST, "created", "created a second");
    report_rate(b, DELETING, "deleted", "deleted a second");
    pk_bench_processes(b, 0);
    pk_bench_result(b);
    return 0;
}

static bool set_up(struct pk_bench *b)
{
    struct hold *h = b->work;
    const struct pk_bench_opt *o = &b->opt;
    h->b = b;
    uv_timer_init(h->b->zl.uv, &h->timer);
    h->timer.data = h;
    if (o->command == PK_BENCH_IDLE) {
        open_crowd(h, &h->first, 1, on_first_ready);
        return true;
    }
    h->data = calloc(1, (size_t)o->size);
    if (h->data == NULL || !pk_paths_make(&h->paths, o->root, (uint32_t)o->znodes))
        return false;
    for (int i = 0; i < o->size; i++)
        h->data[i] = (uint8_t)(i * 7);
    open_crowd(h, &h->crowd, (uint32_t)(o->sessions < o->znodes / DEPTH ? o->sessions : 1), on_znodes_ready);
    return true;
}

static void on_interrupt(struct pk_bench *b)
{
    fail(b->work, "interrupted");
}

static void close_all(struct pk_bench *b)
{
    struct hold *h = b->work;
    if (h->first.n > 0)
        pk_crowd_free(&h->first);
    if (h->crowd.n > 0)
        pk_crowd_free(&h->crowd);
}

static void release(struct pk_bench *b)
{
    struct hold *h = b->work;
    pk_paths_free(&h->paths);
    free(h->data);
}

const struct pk_bench_subject pk_hold_subject = {sizeof(struct hold), set_up, on_interrupt,
                                                 close_all,           report, release};
