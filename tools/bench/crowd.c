/*
 * Many sessions.
 *
 * Happy path: OPEN_AT_ONCE connections are being opened at any time, each that gets ready opens the next. A
 * timer looks for sessions that need a ping. Failure modes: a lost session is counted and reported to the
 * owner; it is not opened again.
 */
#include "tools/bench/crowd.h"

#include <stdlib.h>

#include "tools/bench/request.h"

enum { OPEN_AT_ONCE = 32, PING_MS = 500, CLOSE_MS = 5000 };

static void open_next(struct pk_crowd *c)
{
    if (c->opened < c->n && !c->ending)
        pk_zs_open(&c->s[c->opened++]);
}

static void session_ready(struct pk_zs *s)
{
    struct pk_crowd *c = s->owner;
    open_next(c);
    if (++c->ready == c->n && !c->ending)
        c->on_all_ready(c);
}

static void session_lost(struct pk_zs *s, const char *why)
{
    struct pk_crowd *c = s->owner;
    if (c->ending)
        return;
    c->lost++;
    c->on_lost(c, s, why);
}

static void ping_all(uv_timer_t *t)
{
    struct pk_crowd *c = t->data;
    uint64_t now = uv_hrtime();
    for (uint32_t i = 0; i < c->opened; i++)
        pk_zs_keep_alive(&c->s[i], now);
}

bool pk_crowd_open(struct pk_crowd *c, uint32_t n)
{
    c->s = calloc(n, sizeof *c->s);
    if (c->s == NULL)
        return false;
    c->n = n;
    for (uint32_t i = 0; i < n; i++) {
        c->s[i].loop = c->loop;
        c->s[i].owner = c;
        c->s[i].index = i;
        c->s[i].on_ready = session_ready;
        c->s[i].on_lost = session_lost;
    }
    uv_timer_init(c->loop->uv, &c->pinger);
    c->pinger.data = c;
    uv_timer_start(&c->pinger, ping_all, PING_MS, PING_MS);
    for (int i = 0; i < OPEN_AT_ONCE; i++)
        open_next(c);
    return true;
}

static void session_closed(struct pk_zs *s, const struct pk_zs_reply *r)
{
    (void)r;
    pk_zs_end(s);
}

/* Whoever has not answered closeSession by now is not waited for. */
static void end_all(uv_timer_t *t)
{
    struct pk_crowd *c = t->data;
    for (uint32_t i = 0; i < c->opened; i++)
        pk_zs_end(&c->s[i]);
}

void pk_crowd_close(struct pk_crowd *c)
{
    uint64_t now = uv_hrtime();
    if (c->ending)
        return;
    c->ending = true;
    uv_timer_start(&c->pinger, end_all, CLOSE_MS, 0);
    uv_unref((uv_handle_t *)&c->pinger);
    for (uint32_t i = 0; i < c->opened; i++) {
        if (c->s[i].state == PK_ZS_READY && !c->loop->raw)
            pk_zs_close_session(&c->s[i], session_closed, now);
        else
            pk_zs_end(&c->s[i]);
    }
    pk_zs_flush(c->loop);
}

void pk_crowd_free(struct pk_crowd *c)
{
    uv_close((uv_handle_t *)&c->pinger, NULL);
    uv_run(c->loop->uv, UV_RUN_DEFAULT);
    free(c->s);
}
