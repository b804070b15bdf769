/*
 * The world (world.h).
 *
 * Happy path: events come out of a heap in order.
 * Failure modes: the test's own memory running out ends the test.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

void world_init(struct world *w, uint64_t seed)
{
    *w = (struct world){.now_us = 1000000, .rng.s = seed * 0x9e3779b97f4a7c15u + 1};
    for (int i = 0; i < 8; i++)
        (void)sup_rand(&w->rng);
}

void world_free(struct world *w)
{
    free(w->queue);
    w->queue = NULL;
}

static bool before(const struct world_event *x, const struct world_event *y)
{
    return x->at != y->at ? x->at < y->at : x->order < y->order;
}

void world_at(struct world *w, int64_t at_us, world_go *go, int a, int64_t b)
{
    if (w->nqueue == w->cap) {
        w->cap = w->cap * 2 + 256;
        w->queue = realloc(w->queue, w->cap * sizeof *w->queue);
        assert_non_null(w->queue);
    }
    struct world_event e = {at_us > w->now_us ? at_us : w->now_us, ++w->orders, go, a, b};
    size_t i = w->nqueue++;
    for (; i > 0 && before(&e, &w->queue[(i - 1) / 2]); i = (i - 1) / 2)
        w->queue[i] = w->queue[(i - 1) / 2];
    w->queue[i] = e;
}

static struct world_event take_first(struct world *w)
{
    struct world_event first = w->queue[0], last = w->queue[--w->nqueue];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < w->nqueue; i = child) {
        if (child + 1 < w->nqueue && before(&w->queue[child + 1], &w->queue[child]))
            child++;
        if (!before(&w->queue[child], &last))
            break;
        w->queue[i] = w->queue[child];
    }
    w->queue[i] = last;
    return first;
}

bool world_next(struct world *w)
{
    if (w->nqueue == 0 || w->queue[0].at > w->end_us || w->wrong[0] != 0)
        return false;
    struct world_event e = take_first(w);
    w->now_us = e.at;
    w->events++;
    e.go(w, e.a, e.b);
    return true;
}

int64_t world_between(struct world *w, int64_t from, int64_t to)
{
    return to <= from ? from : from + (int64_t)(sup_rand(&w->rng) >> 16) % (to - from);
}

bool world_chance(struct world *w, uint32_t n)
{
    return sup_below(&w->rng, n) == 0;
}

bool world_runs(const struct world *w, int host)
{
    const struct host *h = &w->hosts[host];
    return h->alive && !h->lost && h->paused_until <= w->now_us;
}

bool world_runs_now(struct world *w, int host, world_go *go, int a, int64_t b)
{
    bool runs = world_runs(w, host);
    if (!runs)
        world_at(w, w->hosts[host].paused_until, go, a, b);
    return runs;
}

int64_t world_wall_ms(const struct world *w)
{
    return 1000000 + w->now_us / 1000;
}

void world_trace(const struct world *w, const char *format, ...)
{
    va_list args;
    if (!w->trace)
        return;
    va_start(args, format);
    fprintf(stderr, "%9.4f ", (double)w->now_us / 1e6);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

void world_wrong(struct world *w, const char *format, ...)
{
    va_list args;
    if (w->wrong[0] != 0)
        return;
    va_start(args, format);
    vsnprintf(w->wrong, sizeof w->wrong, format, args);
    va_end(args);
    world_trace(w, "WRONG: %s", w->wrong);
}
