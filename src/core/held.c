/*
 * The shield.
 *
 * Happy path: nobody's server is lost. When one is, it refuses when it is asked, each of its clients is held, attached
 * elsewhere with all that its session needs, and has noticed nothing.
 * Failure modes: whatever cannot be continued without doubt is closed, between two answers, as a server would: its
 * library knows what to do then. Nobody is told later than by its own clock that its session is in danger.
 */
#include "core/held.h"

#include "core/conn/hold.h"
#include "core/peer/link.h"
#include "core/serve/again.h"
#include "core/serve/attach.h"
#include "core/session.h"

enum {
    TICK_US = 250 * 1000, /* how often this is looked at */
    OWED_MOST_US = 1000 * 1000,
    LATE_TICK_US = 1000 * 1000,
    /* How long a client waits with leaving its server for a moment without work, and for the end of a write. */
    LEAVE_IDLE_US = 1000 * 1000,
    LEAVE_MOST_US = 10 * 1000 * 1000,
};

static int64_t timeout_us(const struct pk_client *c)
{
    return (int64_t)c->up.timeout_ms * 1000;
}

/* How long an uplink may owe an answer before its server is asked. */
static int64_t owed_us(const struct pk_client *c)
{
    int64_t twelfth = timeout_us(c) / 12;
    return twelfth < OWED_MOST_US ? twelfth : OWED_MOST_US;
}

int64_t pk_held_read_us(const struct core *core)
{
    int64_t now_us = core->conns.now_us;
    if (core->stood_us != 0)
        return core->stood_us;
    return core->ticked_us != 0 && now_us - core->ticked_us > LATE_TICK_US ? core->ticked_us : now_us;
}

static void ask(struct core *core, struct pk_client *c)
{
    c->hold->asked = true;
    c->hold->asked_us = core->conns.now_us;
    if (c->up.where == PK_TO_MEMBER_RELAY) {
        c->hold->question = pk_link_ask(core->member);
        core->member->wishes |= PK_WISH_SERVED;
        return;
    }
    c->up.want_ask = true;
    pk_conn_changed(&core->conns, &c->up);
}

/* The uplink is gone, or goes, and what it owes is to be asked again. */
static void detach(struct core *core, struct pk_client *c, enum pk_hold_state to)
{
    struct pk_conns *conns = &core->conns;
    struct pk_hold *h = c->hold;
    int64_t heard_us = c->up.heard_us, read_us = pk_held_read_us(core);
    pk_attach_lost(&core->sync, c);
    pk_session_abandon(core, &c->up);
    pk_uplink_move(&c->up, PK_UPLINK_NONE);
    h->leave_us = 0;
    h->lost_us = conns->now_us;
    h->deadline_us = (heard_us < read_us ? heard_us : read_us) + timeout_us(c) * 2 / 3;
    pk_hold_move(conns, h, to);
    pk_conn_changed(conns, &c->up);
}

/* To take its session up is a sign of life: so the client must have given one lately, or wait for an answer (clients
 * send no pings then). */
static bool shows_life(const struct core *core, const struct pk_client *c)
{
    bool waits = c->queue.depth > 0 || c->blocked;
    return pk_client_lives(&core->conns, c) ||
           (waits && core->conns.now_us - c->heard_us <= timeout_us(c) * 2 / 3);
}

/* The same, but what a client sent that had been silent may be followed by its end: all that was readable is read
 * first. */
static bool may_attach(const struct core *core, struct pk_client *c)
{
    struct pk_hold *h = c->hold;
    bool was_ripe = h->ripe;
    h->ripe = shows_life(core, c);
    return h->ripe && was_ripe && !h->yields && core->conns.way != PK_WAY_NONE;
}

/* Where memory was taken over, what the session needs of it goes to the ensemble first. */
static void attach(struct core *core, struct pk_client *c)
{
    struct pk_uplink *u = &c->up;
    c->hold->prepares = core->member != NULL && !pk_again_ready(&core->sync, c);
    if (c->hold->prepares || u->ending)
        return;
    u->connect_request = pk_attach_request(&core->conns, c);
    if (u->connect_request == NULL) {
        pk_conn_close(&core->conns, u, PK_CLOSE_NO_MEMORY);
        return;
    }
    pk_hold_move(&core->conns, c->hold, PK_HOLD_ATTACHING);
    pk_uplink_move(u, PK_UPLINK_OPENING);
    c->hold->asked = false;
    u->zxid = 0;
    u->why = PK_CLOSE_NONE;
    pk_uplink_want_open(&core->conns, u);
}

/* The server is lost: pings are answered from here on, and what memory can. */
static void begin_waiting(struct core *core, struct pk_client *c)
{
    core->stats.holds++;
    pk_hold_pongs(&core->conns, c);
    pk_client_wake(&core->conns, c);
    c->hold->ripe = pk_client_lives(&core->conns, c) && !c->up.ending && !c->hold->yields;
    if (c->hold->ripe && core->conns.way != PK_WAY_NONE)
        attach(core, c);
}

static bool may_be_held(const struct core *core, const struct pk_client *c)
{
    return core->conns.limits.hold && c->kind == PK_KIND_ZOOKEEPER && c->state == PK_CLIENT_OPEN &&
           !c->up.session_closing && !core->conns.draining;
}

/* True when there is a hold in a state from which its uplink may be lost. */
static bool has_hold(struct core *core, struct pk_client *c)
{
    return c->hold != NULL || pk_hold_new(&core->conns, c, PK_HOLD_SERVED) != NULL;
}

void pk_held_closed(struct core *core, struct pk_client *c)
{
    struct pk_conns *conns = &core->conns;
    if (c->up.session_closing || !may_be_held(core, c)) {
        pk_conn_close(conns, &c->up, c->up.session_closing ? PK_CLOSE_SESSION_CLOSED : PK_CLOSE_UPLINK_LOST);
        return;
    }
    pk_attach_settle(&core->sync, c);
    enum pk_close why = pk_hold_forbidden(conns, c);
    if (why == PK_CLOSE_NONE && !has_hold(core, c))
        why = PK_CLOSE_NO_MEMORY;
    if (why != PK_CLOSE_NONE || c->up.ending) {
        pk_conn_close(conns, &c->up, why);
        return;
    }
    detach(core, c, PK_HOLD_DOUBTED);
    ask(core, c);
}

/* The uplink, which is up, is left: the client is held from here on, or closed for a reason why not. */
static void part(struct core *core, struct pk_client *c, enum pk_close why)
{
    if (why == PK_CLOSE_NONE && !has_hold(core, c))
        why = PK_CLOSE_NO_MEMORY;
    if (why != PK_CLOSE_NONE) {
        pk_conn_close(&core->conns, &c->up, why);
        return;
    }
    c->up.want_close = true;
    detach(core, c, PK_HOLD_WAITING);
    begin_waiting(core, c);
}

/* It says nothing, and is lost: who has a write under way keeps it until the answer, or its time. */
static void leave_silent(struct core *core, struct pk_client *c)
{
    if (!may_be_held(core, c) || c->up.in.mode == PK_IN_PASS)
        return;
    pk_attach_settle(&core->sync, c);
    if (!c->up.ending && pk_hold_forbidden(&core->conns, c) == PK_CLOSE_NONE)
        part(core, c, PK_CLOSE_NONE);
}

/* An election in between makes a server that serves one that was lost. */
static bool was_lost(const struct pk_client *c, bool serves, int64_t zxid)
{
    enum { EPOCH_SHIFT = 32 };
    return !serves || (c->up.zxid > 0 && zxid >> EPOCH_SHIFT > c->up.zxid >> EPOCH_SHIFT);
}

void pk_held_server(struct core *core, struct pk_client *c, bool serves, int64_t zxid)
{
    struct pk_hold *h = c->hold;
    if (h == NULL || !h->asked || c->up.ending)
        return;
    h->asked = false;
    switch ((enum pk_hold_state)h->state) {
    case PK_HOLD_DOUBTED:
        if (was_lost(c, serves, zxid)) {
            pk_hold_move(&core->conns, h, PK_HOLD_WAITING);
            begin_waiting(core, c);
        } else {
            pk_conn_close(&core->conns, &c->up, PK_CLOSE_UPLINK_LOST);
        }
        break;
    case PK_HOLD_SERVED:
    case PK_HOLD_CATCHING_UP:
        if (!serves && pk_awaited_any(&c->up.awaited) && core->conns.now_us - c->up.heard_us >= owed_us(c))
            leave_silent(core, c);
        break;
    case PK_HOLD_ATTACHING:
        if (!serves && c->up.state == PK_UPLINK_HANDSHAKE)
            pk_session_elsewhere(core, &c->up, PK_CLOSE_CONNECT_UNANSWERED);
        break;
    default:
        break;
    }
}

void pk_held_leave(struct core *core, struct pk_client *c)
{
    if (c->up.state == PK_UPLINK_HANDSHAKE)
        pk_session_elsewhere(core, &c->up, PK_CLOSE_CONNECT_UNANSWERED);
    if (c->up.state != PK_UPLINK_UP || c->up.ending)
        return;
    if (!may_be_held(core, c) || !has_hold(core, c)) {
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_UPLINK_LOST);
        return;
    }
    if (c->hold->leave_us == 0)
        c->hold->leave_us = core->conns.now_us;
}

/* It leaves its server when nothing is in flight, or after a while with what may be asked again. */
static void leave(struct core *core, struct pk_client *c)
{
    struct pk_conns *conns = &core->conns;
    bool busy = c->queue.depth > 0 || pk_awaited_any(&c->up.awaited) || c->pending != NULL;
    int64_t since_us = conns->now_us - c->hold->leave_us;
    if (busy && since_us < LEAVE_IDLE_US)
        return;
    pk_attach_settle(&core->sync, c);
    enum pk_close why = pk_hold_forbidden(conns, c);
    if (why != PK_CLOSE_NOT_HELD_WRITE || since_us >= LEAVE_MOST_US)
        part(core, c, why);
}

/* What is wrong with the session that another server has given; NONE: it is the one that the client has. */
static enum pk_close judge(const struct pk_client *c, const struct pk_connect_response *res)
{
    if (res->timeout <= 0 || res->session_id == 0)
        return PK_CLOSE_SESSION_INVALID;
    if (res->session_id != c->up.session_id)
        return PK_CLOSE_MALFORMED_UPSTREAM;
    if (res->timeout != c->up.timeout_ms)
        return PK_CLOSE_HOLD_TIMEOUT;
    return res->read_only ? PK_CLOSE_NOT_HELD_READ_ONLY : PK_CLOSE_NONE;
}

void pk_held_response(struct core *core, struct pk_client *c, const struct pk_connect_response *res)
{
    struct pk_conns *conns = &core->conns;
    struct pk_hold *h = c->hold;
    enum pk_close why = judge(c, res);
    if (why != PK_CLOSE_NONE) {
        pk_conn_close(conns, &c->up, why);
        return;
    }
    core->stats.attaches++;
    pk_histogram_add(&core->hold_time, conns->now_us - h->lost_us, 1);
    h->asked = false;
    pk_hold_move(conns, h, PK_HOLD_CATCHING_UP);
    pk_attach_send(&core->sync, c);
    if (h->replies == 0)
        pk_hold_drop(conns, c);
    pk_client_wake(conns, c);
}

/* The attach that is under way is given up. */
static void withdraw(struct core *core, struct pk_client *c)
{
    struct pk_uplink *u = &c->up;
    pk_session_abandon(core, u);
    pk_blob_unref(core->mem, u->connect_request);
    u->connect_request = NULL;
    pk_uplink_move(u, PK_UPLINK_NONE);
    u->want_close = true;
    pk_hold_move(&core->conns, c->hold, PK_HOLD_WAITING);
}

void pk_held_failed(struct core *core, struct pk_uplink *u, enum pk_close why)
{
    struct pk_client *c = u->client;
    if (c != NULL && c->hold != NULL && c->hold->state == PK_HOLD_ATTACHING && !u->ending)
        withdraw(core, c);
    else
        pk_conn_close(&core->conns, u, why);
}

void pk_held_regroup(struct core *core, struct pk_client *c)
{
    struct pk_uplink *u = &c->up;
    if (u->ending)
        return;
    if (u->state == PK_UPLINK_UP) {
        bool never = c->pending != NULL || !may_be_held(core, c);
        part(core, c, never ? PK_CLOSE_NOT_PRIMARY : pk_hold_forbidden(&core->conns, c));
    } else if (c->hold == NULL) {
        bool open = !u->waits_way;
        pk_session_abandon(core, u);
        pk_uplink_move(u, PK_UPLINK_OPENING);
        pk_uplink_want_open(&core->conns, u);
        u->want_close = open;
    } else if (c->hold->state == PK_HOLD_ATTACHING) {
        withdraw(core, c);
    } else if (c->hold->state == PK_HOLD_DOUBTED) {
        c->hold->asked = false;
        pk_hold_move(&core->conns, c->hold, PK_HOLD_WAITING);
        begin_waiting(core, c);
    }
}

void pk_held_ways(struct core *core)
{
    PK_LIST_EACH(at, tmp, &core->conns.held) {
        struct pk_client *c = PK_CONTAINER(at, struct pk_hold, list)->client;
        if (!c->up.ending && c->hold->state == PK_HOLD_WAITING && may_attach(core, c))
            attach(core, c);
    }
}

void pk_held_link(struct core *core)
{
    const struct pk_link *l = core->member->link;
    bool lost = l == NULL || l->u->ending || l->goodbye || l->state < PK_LINK_RELAYING;
    PK_LIST_EACH(at, tmp, &core->conns.held) {
        struct pk_hold *h = PK_CONTAINER(at, struct pk_hold, list);
        if (!h->asked || h->client->up.where != PK_TO_MEMBER_RELAY)
            continue;
        if (lost || l->answered >= h->question)
            pk_held_server(core, h->client, !lost, 0);
    }
}

void pk_held_yield(struct core *core, struct pk_client *c)
{
    if (c->hold == NULL)
        return;
    c->hold->yields = true;
    if (c->hold->state == PK_HOLD_ATTACHING && !c->up.ending)
        withdraw(core, c);
}

void pk_held_woken(struct core *core, struct pk_client *c)
{
    const struct pk_hold *h = c->hold;
    if (h != NULL && h->prepares && h->state == PK_HOLD_WAITING && h->ripe && may_attach(core, c))
        attach(core, c);
}

bool pk_held_late(struct core *core, struct pk_client *c)
{
    if (c->hold == NULL || c->hold->state != PK_HOLD_ATTACHING || shows_life(core, c))
        return false;
    withdraw(core, c);
    return true;
}

void pk_held_unanswered(struct core *core, struct pk_client *c)
{
    if (!c->hold->asked && core->conns.now_us - c->hold->asked_us >= owed_us(c))
        ask(core, c);
}

static bool is_overdue(const struct core *core, const struct pk_client *c)
{
    int64_t since = c->up.heard_us > c->up.timed_us ? c->up.heard_us : c->up.timed_us;
    return pk_awaited_any(&c->up.awaited) && core->conns.now_us - since >= owed_us(c);
}

/* Its uplink is up. */
static void look_at_served(struct core *core, struct pk_client *c)
{
    struct pk_hold *h = c->hold;
    if (h->leave_us != 0)
        leave(core, c);
    else if (is_overdue(core, c) && !h->asked && core->conns.now_us - h->asked_us >= owed_us(c))
        ask(core, c);
    else if (h->state == PK_HOLD_SERVED && !h->asked && !is_overdue(core, c))
        pk_hold_drop(&core->conns, c);
}

static void look_at(struct core *core, struct pk_client *c)
{
    struct pk_hold *h = c->hold;
    bool up = h->state == PK_HOLD_SERVED || h->state == PK_HOLD_CATCHING_UP;
    if (c->up.ending)
        return;
    if (up)
        look_at_served(core, c);
    else if (core->conns.now_us + TICK_US > h->deadline_us)
        pk_conn_close(&core->conns, &c->up, PK_CLOSE_HOLD_DEADLINE);
    else if (h->state == PK_HOLD_WAITING && may_attach(core, c))
        attach(core, c);
}

/* Whose server owes an answer for long: it is asked whether it serves. */
static void find_overdue(struct core *core)
{
    PK_LIST_EACH(at, tmp, &core->conns.outstanding) {
        struct pk_client *c = PK_CONTAINER(at, struct pk_uplink, timed)->client;
        if (c == NULL || c->hold != NULL || c->up.ending || !may_be_held(core, c) || !is_overdue(core, c))
            continue;
        if (pk_hold_new(&core->conns, c, PK_HOLD_SERVED) != NULL)
            ask(core, c);
    }
}

void pk_held_tick(struct core *core)
{
    if (!core->conns.limits.hold)
        return;
    PK_LIST_EACH(at, tmp, &core->conns.held)
        look_at(core, PK_CONTAINER(at, struct pk_hold, list)->client);
    find_overdue(core);
}
