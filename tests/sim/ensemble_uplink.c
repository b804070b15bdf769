/*
 * The ensemble of several servers behind a driver (ensemble_uplink.h).
 *
 * Happy path: a new client comes to one server after the other until one takes it, a held session to one that says that
 * it serves.
 * Failure modes: a server that let a session down is left alone for a while; one that is silent is known to be lost
 * after a patience.
 */
#include "ensemble_uplink.h"

#include "proto/records.h"
#include "uplink.h"

enum { AGAIN_US = 50000, PATIENCE_US = 800000 };

static int conn_of_link(const struct sim *s, int link)
{
    for (int c = sim_after(s, -1); c < SIM_CONNS; c = sim_after(s, c))
        if (s->conns[c].used && s->conns[c].link == link)
            return c;
    return -1;
}

static void on_emit(void *ctx, int link, const uint8_t *p, size_t len)
{
    struct sim_ground *g = ctx;
    int c = conn_of_link(g->s, link);
    if (c < 0 || !g->s->conns[c].up)
        return;
    sup_raw(&g->s->conns[c].uplink.todo, p, len);
    g->at[c].welcomed = true;
}

static void on_hangup(void *ctx, int link)
{
    struct sim_ground *g = ctx;
    int c = conn_of_link(g->s, link);
    if (c < 0)
        return;
    struct sim_conn *conn = &g->s->conns[c];
    if (!g->at[c].welcomed)
        g->at[c].not_before_us[g->at[c].server] = g->s->now_us + AGAIN_US;
    conn->uplink.eof = true;
    conn->link = -1;
}

/* One at random of those in the mask; -1: there is none. */
static int pick(struct sim *s, uint32_t mask)
{
    int n = __builtin_popcount(mask);
    if (n == 0)
        return -1;
    for (int skip = (int)sup_below(&s->rng, (uint32_t)n); skip > 0; skip--)
        mask &= mask - 1;
    return __builtin_ctz(mask);
}

static uint32_t candidates(const struct sim_ground *g, int c)
{
    const struct sim_conn *conn = &g->s->conns[c];
    uint32_t mask = 0;
    int64_t zxid;
    for (int i = 0; i < g->ensemble->n; i++) {
        bool serves = ensemble_ask(g->ensemble, i, &zxid) == ENSEMBLE_SERVES;
        bool fits = conn->attach ? serves && g->at[c].not_before_us[i] <= g->s->now_us
                                 : (g->at[c].tried & 1u << i) == 0;
        mask |= (uint32_t)fits << i;
    }
    return mask;
}

static bool open_uplink(struct sim *s, int c)
{
    struct sim_ground *g = s->ground;
    struct sim_conn *conn = &s->conns[c];
    if (!conn->opening || conn->closed || (conn->closing && conn->up))
        return false;
    if (conn->opened == 0)
        g->at[c].tried = 0;
    int server = pick(s, candidates(g, c));
    if (server < 0 && conn->attach)
        return false;
    conn->opening = false;
    conn->opened++;
    if (server < 0) {
        sim_step(s, c, PK_UPLINK_FAILED, NULL, 0);
        return true;
    }
    const struct ensemble_peer peer = {on_emit, on_hangup, g};
    int link = ensemble_connect(g->ensemble, server, &peer);
    g->at[c].tried |= 1u << server;
    if (link < 0) {
        conn->opening = true;
        return true;
    }
    g->at[c].server = server;
    g->at[c].asked_us = 0;
    g->at[c].welcomed = false;
    sim_uplink_up(s, c, link);
    return true;
}

static bool take_turn(struct sim *s, int c)
{
    struct sim_ground *g = s->ground;
    struct sim_conn *conn = &s->conns[c];
    bool any = false;
    while (conn->up && conn->link >= 0 && conn->wire.len - conn->wire_off >= 4) {
        const uint8_t *p = conn->wire.p + conn->wire_off;
        size_t len = sup_be32(p);
        if (conn->wire.len - conn->wire_off < 4 + len)
            break;
        if (g->wrote != NULL)
            g->wrote(g->ctx, c, p + 4, len);
        conn->requests += conn->connecting;
        conn->connecting = true;
        conn->wire_off += 4 + len;
        ensemble_feed(g->ensemble, conn->link, p + 4, len);
        any = true;
    }
    return ensemble_turn(g->ensemble) || any;
}

static bool close_uplink(struct sim *s, int c)
{
    struct sim_ground *g = s->ground;
    struct sim_conn *conn = &s->conns[c];
    if (!conn->closing)
        return false;
    if (conn->link >= 0)
        ensemble_eof(g->ensemble, conn->link);
    sim_uplink_ended(conn);
    return true;
}

static bool question(struct sim *s, int c)
{
    struct sim_ground *g = s->ground;
    int64_t zxid, *since_us = &g->at[c].asked_us;
    enum ensemble_says says = ensemble_ask(g->ensemble, g->at[c].server, &zxid);
    if (*since_us == 0)
        *since_us = s->now_us;
    if (says == ENSEMBLE_SILENT && s->now_us - *since_us < PATIENCE_US)
        return false;
    *since_us = 0;
    sim_server_says(s, c, says == ENSEMBLE_SERVES, zxid);
    return true;
}

static void pass_time(struct sim *s)
{
    const struct sim_ground *g = s->ground;
    ensemble_time(g->ensemble, sim_wall_ms(s));
}

void sim_ground_init(struct sim_ground *g, struct sim *s, struct ensemble *e)
{
    static const struct sim_behind several = {open_uplink, take_turn, close_uplink, question, pass_time};
    memset(g, 0, sizeof *g);
    g->s = s;
    g->ensemble = e;
    s->behind = &several;
    s->ground = g;
}
