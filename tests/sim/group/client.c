/*
 * A client's connection and session (client.h). What it asks for is in ask.c.
 *
 * Happy path: connect, greet, ask and be answered, in order.
 * Failure modes: an answer that is not the next one is a finding.
 */
#include "client.h"

#include <stdlib.h>

#include "ask.h"
#include "tests/sim/wire.h"
#include "watchdog.h"

enum { TICK_US = 100000, LOOK_US = 1000000, BACK_US = 1000000, SESSION_OVER_US = 22000000 };

static struct client *client_at(const struct world *w, int c)
{
    return &w->clients[c];
}

/* Its session is over, or its own no more. */
static void forget_session(struct world *w, struct client *c)
{
    c->session = c->key = c->zxid = 0;
    oracle_forgets(w, c->number);
    ask_expired(w, c);
}

static void away(struct world *w, struct client *c)
{
    if (c->state == ON)
        ask_lost(w, c);
    if (c->closing)
        forget_session(w, c);
    c->closing = false;
    net_close(w, c->end);
    sup_buf_reset(&c->in);
    c->end = -1;
    c->gen++;
    c->state = AWAY;
    c->state_us = w->now_us;
    c->first = c->last = c->pings = 0;
}

/* A connection that stood is lost. */
static void disconnected(struct world *w, struct client *c, const char *why)
{
    if (c->state == ON && !c->closing) {
        c->disconnects++;
        world_trace(w, "client %d disconnected from M%d: %s", c->number, c->at, why);
        watchdog_disconnected(w, c->number);
    }
    away(w, c);
}

static void dial(struct world *w, struct client *c)
{
    c->at = c->next_member;
    c->next_member = (c->next_member + 1) % w->nmembers;
    c->state = CONNECTING;
    c->state_us = w->now_us;
    c->end = net_connect(w, host_client(c->number), host_member(c->at), PORT_CLIENTS, 0);
}

static void greet(struct world *w, struct client *c)
{
    struct sup_buf b = {0};
    size_t mark = b.len;
    sup_int(&b, 0);
    sup_int(&b, 0);
    sup_long(&b, c->zxid);
    sup_int(&b, CLIENT_TIMEOUT_MS);
    sup_long(&b, c->session);
    sup_int(&b, 16);
    sup_long(&b, c->key);
    sup_long(&b, c->session);
    sup_byte(&b, 0);
    b.p[mark + 3] = (uint8_t)(b.len - mark - 4);
    net_write(w, c->end, b.p, b.len);
    sup_buf_free(&b);
    c->state = GREETING;
    c->heard_us = c->wrote_us = w->now_us;
}

static void greeted(struct world *w, struct client *c, const uint8_t *p)
{
    int64_t session = sup_be64(p + 8);
    if (session == 0) {
        world_trace(w, "client %d: session %#llx has expired", c->number, (long long)c->session);
        c->expired++;
        watchdog_expired(w, c->number);
        forget_session(w, c);
        away(w, c);
        return;
    }
    bool same = session == c->session;
    world_trace(w, "client %d has session %#llx at M%d", c->number, (long long)session, c->at);
    c->session = session;
    c->key = sup_be64(p + 20);
    watchdog_session(w, c->number, session);
    c->state = ON;
    c->heard_us = w->now_us;
    c->act_us = w->now_us;
    if (same)
        ask_again(w, c);
}

static void frame(struct world *w, struct client *c, const uint8_t *p, size_t len)
{
    c->heard_us = w->now_us;
    if (c->state == GREETING) {
        greeted(w, c, p);
        return;
    }
    int xid = (int)sup_be32(p);
    int64_t zxid = sup_be64(p + 4);
    c->zxid = zxid > c->zxid ? zxid : c->zxid;
    if (xid == PK_XID_PING) {
        if (--c->pings < 0)
            world_wrong(w, "client %d: a ping was answered that was not sent", c->number);
        if (c->first == c->last)
            c->answered_us = w->now_us;
    } else {
        ask_answered(w, c, xid, p, len);
    }
}

static void plan(struct world *w, struct client *c);

void client_hears(struct world *w, int number, const struct net_news *news)
{
    struct client *c = client_at(w, number);
    if (news->end != c->end)
        return;
    if (news->what == NET_OPENED) {
        greet(w, c);
    } else if (news->what == NET_REFUSED || news->what == NET_END) {
        disconnected(w, c, "closed");
        c->again_us = w->now_us + (news->what == NET_REFUSED ? world_between(w, 0, BACK_US) : 0);
    } else if (news->what == NET_BYTES) {
        sup_raw(&c->in, news->p, news->len);
        uint32_t gen = c->gen;
        size_t at = 0;
        while (c->gen == gen && c->in.len - at >= 4 && c->in.len - at >= 4 + (size_t)sup_be32(c->in.p + at)) {
            size_t len = sup_be32(c->in.p + at);
            at += 4 + len;
            frame(w, c, c->in.p + at - len, len);
        }
        if (c->gen == gen) {
            memmove(c->in.p, c->in.p + at, c->in.len - at);
            c->in.len -= at;
        }
    }
    plan(w, c);
}

static void look_at_time(struct world *w, struct client *c)
{
    int64_t t = CLIENT_TIMEOUT_MS * 1000;
    if (c->state == AWAY && w->now_us >= c->again_us)
        dial(w, c);
    else if (c->state == CONNECTING && w->now_us - c->state_us > t / w->nmembers)
        disconnected(w, c, "no connection in time");
    else if (c->state >= GREETING && w->now_us - c->heard_us > t * 2 / 3)
        disconnected(w, c, "silent for two thirds of the timeout");
    else if (c->state == ON && w->now_us - c->wrote_us > t / 3) {
        struct sup_buf b = {0};
        wire_ping(&b);
        c->pings++;
        client_write(w, c, &b);
        sup_buf_free(&b);
    }
}

void client_write(struct world *w, struct client *c, const struct sup_buf *b)
{
    c->wrote_us = w->now_us;
    net_write(w, c->end, b->p, b->len);
}

/* When there is something to do next, if nothing comes before. */
static int64_t due(const struct world *w, const struct client *c)
{
    int64_t t = CLIENT_TIMEOUT_MS * 1000, due_us = w->now_us + LOOK_US;
    if (c->state == AWAY)
        return c->again_us < due_us ? c->again_us : due_us;
    int64_t patience_us = c->state == CONNECTING ? c->state_us + t / w->nmembers : c->heard_us + t * 2 / 3;
    due_us = patience_us < due_us ? patience_us + 1 : due_us;
    if (c->state != ON)
        return due_us;
    due_us = c->wrote_us + t / 3 < due_us ? c->wrote_us + t / 3 + 1 : due_us;
    return ask_ready(c) && c->act_us < due_us ? c->act_us : due_us;
}

static void tick(struct world *w, int number, int64_t boot)
{
    struct client *c = client_at(w, number);
    const struct host *h = &w->hosts[host_client(number)];
    if (!h->alive || h->boot != (uint32_t)boot || w->now_us != c->tick_us)
        return;
    c->tick_us = INT64_MAX;
    if (world_runs(w, host_client(number))) {
        look_at_time(w, c);
        if (c->state == ON)
            ask_something(w, c);
        watchdog_client(w, c);
    }
    plan(w, c);
}

/* Ticks are tenths of a second apart; those in which nothing would be done are left out. */
static void plan(struct world *w, struct client *c)
{
    int64_t ticks = (due(w, c) - c->begun_us + TICK_US - 1) / TICK_US;
    int64_t next = (w->now_us - c->begun_us) / TICK_US + 1;
    int64_t at = c->begun_us + (ticks > next ? ticks : next) * TICK_US;
    if (at >= c->tick_us)
        return;
    c->tick_us = at;
    world_at(w, at, tick, c->number, w->hosts[host_client(c->number)].boot);
}

static void begin(struct world *w, int number)
{
    struct client *c = client_at(w, number);
    struct host *h = &w->hosts[host_client(number)];
    h->alive = true;
    h->lost = false;
    h->boot++;
    c->end = -1;
    c->next_member = (int)sup_below(&w->rng, (uint32_t)w->nmembers);
    c->again_us = w->now_us + world_between(w, 0, 500000);
    c->answered_us = w->now_us;
    c->begun_us = c->tick_us = c->again_us;
    world_at(w, c->tick_us, tick, number, h->boot);
}

static void come_back(struct world *w, int number, int64_t boot)
{
    if (!w->hosts[host_client(number)].alive && w->hosts[host_client(number)].boot == (uint32_t)boot)
        begin(w, number);
}

void client_dies(struct world *w, int number, bool host, int64_t restart_us)
{
    struct client *c = client_at(w, number);
    struct host *h = &w->hosts[host_client(number)];
    if (!h->alive)
        return;
    h->alive = false;
    h->lost = host;
    h->boot++;
    net_process_ends(w, host_client(number));
    away(w, c);
    forget_session(w, c);
    /* Until its session is over, what a writer had on its way may be carried out: another one begins after that. */
    int64_t after_us = c->role == WORKER ? restart_us + SESSION_OVER_US : restart_us;
    world_at(w, w->now_us + after_us, come_back, number, h->boot);
}

static enum role role_of(int number)
{
    if (number < ORACLE_PATHS)
        return WORKER;
    switch (number - ORACLE_PATHS) {
    case 0:
        return WATCHER;
    case 1:
        return LOCKER;
    case CLIENTS_PLAIN - ORACLE_PATHS:
        return GATHERER;
    case CLIENTS_PLAIN - ORACLE_PATHS + 1:
        return FOLLOWER;
    default:
        return READER;
    }
}

void clients_start(struct world *w)
{
    w->clients = calloc(CLIENTS_MAX, sizeof *w->clients);
    assert_non_null(w->clients);
    for (int i = 0; i < w->nclients; i++) {
        struct client *c = client_at(w, i);
        c->number = i;
        c->role = role_of(i);
        ask_expired(w, c);
        begin(w, i);
    }
}

void clients_stop(struct world *w)
{
    for (int i = 0; i < CLIENTS_MAX; i++)
        sup_buf_free(&w->clients[i].in);
    free(w->clients);
}
