/*
 * Uplinks of a member (dial.h).
 *
 * Happy path: one server is drawn and connected to, or the member that the core names; then the bytes are the core's.
 * Failure modes: one that refuses or is silent is left for the next; when all have been tried the core is told.
 */
#include "dial.h"

#include <stdlib.h>

#include "drive.h"
#include "ensemble.h"

enum { CONNECT_US = 1000000, PROVE_US = 1000000, ASK_LEAST_MS = 300, ASK_MOST_MS = 1000, AGAIN_US = 100000 };

static struct pair *still(struct world *w, int place, int64_t gen)
{
    struct pair *p = &w->members[place / PAIRS].pairs[place % PAIRS];
    return p->used && p->gen == (uint32_t)gen && w->members[place / PAIRS].core != NULL ? p : NULL;
}

static int place_of(const struct world *w, int m, const struct pair *p)
{
    return m * PAIRS + (int)(p - w->members[m].pairs);
}

static void failed(struct world *w, int m, struct pair *p, bool refused)
{
    drive_drop_side(w, &p->uplink);
    p->dial = DIAL_NOTHING;
    p->tried = 0;
    drive_step(w, m, p, (struct pk_event){.type = PK_UPLINK_FAILED, .refused = refused});
}

static void connect_to(struct world *w, int m, struct pair *p, int host, enum net_port port)
{
    p->dial = DIAL_CONNECTING;
    p->opened_us = w->now_us;
    p->uplink.end = net_connect(w, m, host, port, (int)(p - w->members[m].pairs) * 2);
}

static void next_server(struct world *w, int m, struct pair *p);

/* An event later than the core's own step: an attempt ends within a step that has not ended. */
static void fail_later(struct world *w, int place, int64_t gen)
{
    struct pair *p = still(w, place, gen);
    if (p == NULL || p->dial != DIAL_CONNECTING || p->uplink.end >= 0)
        return;
    if (world_runs_now(w, place / PAIRS, fail_later, place, gen))
        failed(w, place / PAIRS, p, false);
}

static int draw(struct world *w, const struct pair *p, bool serving)
{
    int start = (int)sup_below(&w->rng, SERVERS);
    for (int k = 0; k < SERVERS; k++) {
        int s = (start + k) % SERVERS;
        if ((p->tried >> s & 1) == 0 && (!serving || ensemble_srvr(w, s) >= 0))
            return s;
    }
    return -1;
}

/* A held session: a server that answers a question asked now. */
static void attach_again(struct world *w, int place, int64_t gen)
{
    struct pair *p = still(w, place, gen);
    int m = place / PAIRS;
    if (p == NULL || p->dial != DIAL_CONNECTING || p->uplink.end >= 0)
        return;
    int s = draw(w, p, true);
    if (!world_runs(w, m) || s < 0 || net_is_cut(w, m, host_server(s))) {
        p->tried = s < 0 ? 0 : p->tried | 1u << s;
        world_at(w, w->now_us + AGAIN_US, attach_again, place, gen);
        return;
    }
    p->server = s;
    p->tried |= 1u << s;
    connect_to(w, m, p, host_server(s), PORT_CLIENTS);
}

static void next_server(struct world *w, int m, struct pair *p)
{
    p->dial = DIAL_CONNECTING;
    p->uplink.end = -1;
    if (p->attach) {
        world_at(w, w->now_us + world_between(w, 300, 900), attach_again, place_of(w, m, p), p->gen);
        return;
    }
    int s = draw(w, p, true);
    s = s < 0 ? draw(w, p, false) : s;
    if (s < 0) {
        p->dial = DIAL_CONNECTING;
        world_at(w, w->now_us + 1, fail_later, place_of(w, m, p), p->gen);
        return;
    }
    p->server = s;
    p->tried |= 1u << s;
    connect_to(w, m, p, host_server(s), PORT_CLIENTS);
}

void dial_open(struct world *w, int m, struct pair *p, const struct pk_update *u)
{
    p->where = u->where;
    if (u->where != PK_TO_ENSEMBLE) {
        p->to = u->address[0] == 'M' ? atoi(u->address + 1) : -1;
        assert_in_range(p->to, 0, w->nmembers - 1);
        p->epoch = u->epoch;
        p->silent_us = u->silent_us;
        connect_to(w, m, p, p->to, PORT_MEMBERS);
        return;
    }
    if (u->attach && !p->attach)
        p->tried = 0;
    p->attach = u->attach;
    next_server(w, m, p);
}

void dial_close(struct world *w, int m, struct pair *p)
{
    (void)m;
    drive_drop_side(w, &p->uplink);
    p->dial = DIAL_NOTHING;
}

static void ready(struct world *w, int m, struct pair *p)
{
    p->dial = DIAL_OPEN;
    p->uplink.open = true;
    p->attach = false;
    drive_step(w, m, p,
               (struct pk_event){.type = PK_UPLINK_READY, .len = p->server >= 0 ? (size_t)p->server : 0});
}

static void hello(struct world *w, const struct pair *p)
{
    struct sup_buf b = {0};
    sup_byte(&b, (int)p->where);
    sup_long(&b, p->epoch);
    sup_long(&b, p->silent_us);
    net_write(w, p->uplink.end, b.p, b.len);
    sup_buf_free(&b);
}

static void member_port_says(struct world *w, int m, struct pair *p, const struct net_news *news)
{
    if (p->dial == DIAL_GREETING) {
        p->dial = DIAL_PROVING;
        hello(w, p);
        return;
    }
    sup_raw(&p->uplink.in, news->p + 1, news->len - 1);
    drive_hungry(&w->members[m], p);
    ready(w, m, p);
}

void dial_hears(struct world *w, int m, struct pair *p, const struct net_news *news)
{
    bool to_member = p->where != PK_TO_ENSEMBLE;
    if (news->what == NET_OPENED && !to_member) {
        ready(w, m, p);
    } else if (news->what == NET_OPENED) {
        p->dial = DIAL_GREETING;
    } else if (news->what == NET_BYTES) {
        member_port_says(w, m, p, news);
    } else if (to_member) {
        failed(w, m, p, news->what == NET_REFUSED);
    } else {
        drive_drop_side(w, &p->uplink);
        next_server(w, m, p);
    }
}

void dial_tick(struct world *w, int m)
{
    struct member *me = &w->members[m];
    for (int i = 0; i < me->top && me->core != NULL; i++) {
        struct pair *p = &me->pairs[i];
        bool begun = p->used && p->uplink.end >= 0 && p->dial >= DIAL_CONNECTING && p->dial < DIAL_OPEN;
        if (!begun || w->now_us - p->opened_us < (p->where == PK_TO_ENSEMBLE ? CONNECT_US : PROVE_US))
            continue;
        if (p->where != PK_TO_ENSEMBLE) {
            failed(w, m, p, false);
            continue;
        }
        drive_drop_side(w, &p->uplink);
        next_server(w, m, p);
    }
}

/* ---- does it serve? -------------------------------------------------------------------------------------- */

static void answered(struct world *w, int place, int64_t gen)
{
    struct pair *p = still(w, place, gen);
    int m = place / PAIRS;
    if (p == NULL || !p->known)
        return;
    if (!world_runs_now(w, m, answered, place, gen))
        return;
    int host = host_server(p->server);
    int64_t zxid = net_is_cut(w, m, host) ? -1 : ensemble_srvr(w, p->server);
    struct pk_event e = {.type = zxid >= 0 ? PK_SERVER_SERVES : PK_SERVER_LOST, .zxid = zxid > 0 ? zxid : 0};
    drive_step(w, m, p, e);
}

void dial_ask(struct world *w, int m, struct pair *p)
{
    struct core_conn_info info = {0};
    assert_true(p->where == PK_TO_ENSEMBLE && p->server >= 0);
    int host = host_server(p->server);
    (void)core_conn_info(w->members[m].core, p->id, &info);
    int64_t patience_ms = info.timeout_ms / 12;
    patience_ms = patience_ms < ASK_LEAST_MS  ? ASK_LEAST_MS
                  : patience_ms > ASK_MOST_MS ? ASK_MOST_MS
                                              : patience_ms;
    bool silent = net_is_cut(w, m, host) || w->hosts[host].lost || w->hosts[host].paused_until > w->now_us;
    world_at(w, w->now_us + (silent ? patience_ms * 1000 : world_between(w, 300, 1200)), answered,
             place_of(w, m, p), p->gen);
}

int64_t dial_age(int64_t said_us)
{
    return said_us;
}
