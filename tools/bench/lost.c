/*
 * The loss of a server, as its clients see it.
 *
 * Happy path: all sessions -> each asks `exists /` every PERIOD, spread evenly -> after --warmup the process --victim
 * is killed -> each session's time until the answer of a question asked after that -> all have one, or --seconds are
 * over -> report, over the --affected sessions that waited longest (how many were on that server only the servers
 * know). A session whose connection ends waits up to a second, as the Java client does, and goes to the next server
 * with its id and password.
 * Failure modes: a connection lost before the kill, a victim that cannot be killed, a request that fails: the run ends.
 * A session that is refused afterwards has expired; it and those that wait at the end are counted as errors.
 */
#include "tools/bench/lost.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/records.h"
#include "tools/bench/crowd.h"
#include "tools/bench/request.h"

enum { PERIOD_MS = 500, TURN_MS = 5, BACK_MS = 1000 };

struct asker {
    uint64_t due;    /* ns: the next question, or the next attempt to connect */
    uint64_t served; /* ns after the kill; 0: not yet */
    bool asking, gone, expired;
};

struct lost {
    struct pk_bench *b;
    struct pk_crowd crowd;
    struct asker *a; /* one a session */
    uv_timer_t timer;
    uint64_t kill_at, killed, end; /* ns; killed: 0 before */
    uint32_t served, connections;  /* connections that ended after the kill */
    bool over;
};

static struct lost *lost_of(struct pk_zs *s)
{
    return ((struct pk_crowd *)s->owner)->owner;
}

static void finish(struct lost *l, const char *why)
{
    if (l->over)
        return;
    l->over = true;
    if (why != NULL)
        l->b->failed = why;
    else
        pk_bench_mark(l->b, 1);
    uv_close((uv_handle_t *)&l->timer, NULL);
    pk_crowd_close(&l->crowd);
    pk_zs_flush(&l->b->zl);
}

static void ask(struct pk_zs *s, uint64_t now);

static void on_answer(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct lost *l = lost_of(s);
    struct asker *a = &l->a[s->index];
    a->asking = false;
    if (r->err == PK_ZS_LOST || l->over)
        return;
    if (r->err != PK_Z_OK) {
        finish(l, "exists of / failed");
        return;
    }
    if (l->killed == 0 || a->served != 0)
        return;
    if (r->asked < l->killed) {
        ask(s, r->answered);
        return;
    }
    a->served = r->answered - l->killed;
    if (++l->served == l->crowd.n)
        finish(l, NULL);
}

static void ask(struct pk_zs *s, uint64_t now)
{
    struct asker *a = &lost_of(s)->a[s->index];
    a->asking = true;
    a->due = now + PERIOD_MS * UINT64_C(1000000);
    pk_zs_read(s, PK_OP_EXISTS, PK_BYTES("/"), on_answer, now);
}

static void on_back(struct pk_zs *s)
{
    lost_of(s)->a[s->index].gone = false;
    ask(s, uv_hrtime());
}

static void on_lost(struct pk_crowd *c, struct pk_zs *s, const char *why)
{
    struct lost *l = c->owner;
    struct asker *a = &l->a[s->index];
    if (l->killed == 0) {
        finish(l, why);
        return;
    }
    l->connections += !a->gone;
    a->gone = true;
    a->expired = s->refused;
    a->due = uv_hrtime() + (uint64_t)(rand() % BACK_MS) * 1000000;
    s->tries++;
}

static void kill_victim(struct lost *l, uint64_t now)
{
    pk_bench_mark(l->b, 0);
    if (kill((pid_t)l->b->opt.victim, SIGKILL) != 0) {
        finish(l, strerror(errno));
        return;
    }
    l->killed = now;
    l->end = now + (uint64_t)(l->b->opt.seconds * 1e9);
}

static void on_turn(uv_timer_t *t)
{
    struct lost *l = t->data;
    uint64_t now = uv_hrtime();
    if (l->killed == 0 && now >= l->kill_at)
        kill_victim(l, now);
    for (uint32_t i = 0; i < l->crowd.n && !l->over; i++) {
        struct pk_zs *s = &l->crowd.s[i];
        struct asker *a = &l->a[i];
        if (a->due > now || a->expired)
            continue;
        if (a->gone && s->state == PK_ZS_IDLE)
            pk_zs_open(s);
        else if (!a->gone && !a->asking && s->state == PK_ZS_READY)
            ask(s, now);
    }
    pk_zs_flush(&l->b->zl);
    if (l->killed != 0 && now >= l->end)
        finish(l, NULL);
}

static void on_all_ready(struct pk_crowd *c)
{
    struct lost *l = c->owner;
    uint64_t now = uv_hrtime();
    for (uint32_t i = 0; i < c->n; i++) {
        l->a[i].due = now + PERIOD_MS * UINT64_C(1000000) * i / c->n;
        c->s[i].on_ready = on_back;
    }
    l->kill_at = now + (uint64_t)(l->b->opt.warmup * 1e9);
    uv_timer_start(&l->timer, on_turn, 0, TURN_MS);
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* When this share of the affected was served, ms. */
static double at_share(const uint64_t *sorted, uint32_t n, uint32_t affected, double share)
{
    uint32_t i = n - affected + (uint32_t)(affected * share);
    return (double)sorted[i < n ? i : n - 1] / 1e6;
}

static uint64_t report(struct pk_bench *b)
{
    struct lost *l = b->work;
    uint32_t n = l->crowd.n, expired = 0, affected = (uint32_t)b->opt.affected;
    uint64_t *times = calloc(n, sizeof *times);
    if (times == NULL)
        abort();
    for (uint32_t i = 0; i < n; i++) {
        times[i] = l->a[i].served != 0 ? l->a[i].served : l->end - l->killed;
        expired += l->a[i].expired;
    }
    qsort(times, n, sizeof *times, by_time);
    if (affected == 0 || affected > n)
        affected = n;
    printf("lost: a server of %u sessions, the %u that waited longest\n", n, affected);
    b->result_len = (size_t)snprintf(b->result, sizeof b->result, " n=%u affected=%u", n, affected);
    pk_bench_value(b, "half_ms", "half of them served again, ms", "%.0f", at_share(times, n, affected, 0.5));
    pk_bench_value(b, "p99_ms", "99 % of them, ms", "%.0f", at_share(times, n, affected, 0.99));
    pk_bench_value(b, "all_ms", "all of them, ms", "%.0f", at_share(times, n, affected, 1));
    pk_bench_value(b, "connections", "connections that ended", "%.0f", l->connections);
    pk_bench_value(b, "expired", "sessions that expired", "%.0f", expired);
    pk_bench_value(b, "unserved", "sessions never served again", "%.0f", n - l->served);
    pk_bench_processes(b, 0);
    pk_bench_result(b);
    free(times);
    return n - l->served;
}

static bool set_up(struct pk_bench *b)
{
    struct lost *l = b->work;
    uint32_t n = (uint32_t)b->opt.sessions;
    l->b = b;
    if (b->opt.victim == 0) {
        pk_bench_say(b, "--victim PID is missing: the server that is killed");
        return false;
    }
    l->a = calloc(n, sizeof *l->a);
    if (l->a == NULL)
        return false;
    uv_timer_init(b->zl.uv, &l->timer);
    l->timer.data = l;
    l->crowd.loop = &b->zl;
    l->crowd.owner = l;
    l->crowd.on_all_ready = on_all_ready;
    l->crowd.on_lost = on_lost;
    return pk_crowd_open(&l->crowd, n);
}

static void on_interrupt(struct pk_bench *b)
{
    finish(b->work, "interrupted");
}

static void close_all(struct pk_bench *b)
{
    pk_crowd_free(&((struct lost *)b->work)->crowd);
}

static void release(struct pk_bench *b)
{
    free(((struct lost *)b->work)->a);
}

const struct pk_bench_subject pk_lost_subject = {sizeof(struct lost), set_up, on_interrupt,
                                                 close_all,           report, release};
