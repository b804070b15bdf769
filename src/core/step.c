/*
 * The seam's events.
 *
 * Happy path: core_step dispatches one event, then judges again whoever it woke, within a budget. Failure modes: an id
 * whose connection is gone is ignored.
 */
#include "core/core.h"

#include "core/client.h"
#include "core/end.h"
#include "core/group.h"
#include "core/held.h"
#include "core/mount_begin.h"
#include "core/pulse/lane.h"
#include "core/pulse/login.h"
#include "core/serve/token.h"
#include "core/session.h"
#include "core/sync/flush.h"
#include "core/sync/handover.h"
#include "core/sync/service.h"
#include "core/tick.h"
#include "core/uplink.h"

_Static_assert(PK_CLIENT_SASL < PK_UPLINK_READY && PK_UPLINK_SENT < PK_CONTINUE,
               "step_conn tells them apart by order");

enum { STEP_WORK = 4 * PK_TURN_WORK /* a step's, of those who go on */ };

static void beats_out(struct core *core, struct pk_client *c)
{
    if (c->beats == 0 || pk_client_unsent(c) > 0)
        return;
    pk_histogram_add(&core->beat_latency, core->conns.now_us - c->beats_us, c->beats);
    c->beats = 0;
}

static void take_out(struct core *core, struct pk_out *out, size_t n)
{
    pk_out_sent(&core->conns.out, out, n < out->bytes ? n : out->bytes);
}

/* Output that went out whole changes nothing that the driver should hear of, unless it had held reading back. */
static void client_sent(struct core *core, struct pk_client *c, size_t n)
{
    size_t high_water = core->conns.limits.client_high_water;
    bool pressed = pk_client_unsent(c) > high_water;
    take_out(core, &c->out, n);
    size_t left = pk_client_unsent(c);
    beats_out(core, c);
    if (pressed || c->out.bytes > 0 || c->state == PK_CLIENT_LAST)
        pk_conn_changed(&core->conns, &c->up);
    if (left <= high_water / 2 && (c->blocked || c->queue.locals > 0))
        pk_client_wake(&core->conns, c);
}

static void uplink_sent(struct core *core, struct pk_uplink *u, size_t n)
{
    struct pk_client *c = u->client;
    bool pressed = pk_uplink_unsent(u) > core->conns.limits.uplink_high_water;
    take_out(core, &u->out, n);
    if (u->out.bytes > 0 || pressed)
        pk_conn_changed(&core->conns, u);
    if (c != NULL && (c->blocked || c->leaving || c->state == PK_CLIENT_GONE || core->conns.draining))
        pk_client_wake(&core->conns, c);
}

static void drain(struct core *core)
{
    core->conns.draining = true;
    for (uint32_t i = 0; i < core->conns.nslots; i++) {
        struct pk_client *c = pk_conns_client(&core->conns, i);
        if (c == NULL)
            continue;
        bool served = c->kind == PK_KIND_PACEMAKER || c->up.state == PK_UPLINK_UP;
        if (c->state == PK_CLIENT_HANDSHAKE || !served)
            pk_conn_close(&core->conns, &c->up, PK_CLOSE_DRAINED);
        else
            pk_client_wake(&core->conns, c);
    }
}

/* Their next turn has come. */
static void wake_resting(struct core *core)
{
    while (!pk_list_empty(&core->conns.resting)) {
        struct pk_uplink *u = PK_CONTAINER(core->conns.resting.next, struct pk_uplink, runnable);
        pk_list_del(&u->runnable);
        pk_list_add_tail(&core->conns.runnable, &u->runnable);
    }
}

/* Judges again those who are runnable now, from a place in their list on, for a few turns. Who is left, or becomes so
 * meanwhile, waits for PK_CONTINUE: before that the driver looks who else has sent something. */
static void run(struct core *core, const struct pk_list *from)
{
    struct pk_conns *conns = &core->conns;
    uint64_t until = conns->worked + STEP_WORK;
    struct pk_list end;
    pk_list_init(&end);
    pk_list_add_tail(&conns->runnable, &end);
    while (from->next != &end && conns->worked < until) {
        pk_client_run(core, PK_CONTAINER(from->next, struct pk_uplink, runnable)->client);
        pk_work(conns, PK_WORK_FRAME);
    }
    pk_list_del(&end);
    pk_lanes_collect(&core->pacemaker);
}

static void answer_token(struct core *core, struct pk_client *c, const struct pk_event *event)
{
    struct pk_bytes token = {event->bytes, (uint32_t)event->len};
    if (c->kind == PK_KIND_PACEMAKER)
        pk_login_answered(&core->pacemaker, c, event->sasl, token);
    else
        pk_token_answered(&core->sync, c, event->sasl, token);
}

static void step_client(struct core *core, struct pk_client *c, const struct pk_event *event)
{
    if (c->kind == PK_KIND_LINK)
        pk_group_link(core, c, event);
    else if (event->type == PK_CLIENT_EOF)
        pk_client_eof(core, c);
    else if (event->type == PK_CLIENT_LEAVE)
        pk_client_leave(core, c);
    else if (event->type == PK_CLIENT_DISMISS)
        pk_client_dismiss(core, c);
    else if (event->type == PK_CLIENT_SASL)
        answer_token(core, c, event);
    else if (c->state == PK_CLIENT_HANDSHAKE || c->state == PK_CLIENT_OPEN)
        pk_client_bytes(core, c, event->bytes, event->len);
    pk_conn_changed(&core->conns, &c->up);
}

static void step_server(struct core *core, struct pk_client *c, const struct pk_event *event)
{
    if (event->type == PK_UPLINK_LEAVE)
        pk_held_leave(core, c);
    else
        pk_held_server(core, c, event->type == PK_SERVER_SERVES, event->zxid);
}

static void step_uplink(struct core *core, struct pk_uplink *u, const struct pk_event *event)
{
    if (u->group) {
        pk_group_uplink(core, u, event);
        pk_conn_changed(&core->conns, u);
        return;
    }
    switch (event->type) {
    case PK_UPLINK_READY:
        if (u->client == NULL || !pk_held_late(core, u->client))
            pk_session_connect(core, u, (unsigned)event->len);
        break;
    case PK_UPLINK_FAILED:
        pk_uplink_failed(core, u);
        break;
    case PK_UPLINK_BYTES:
        pk_uplink_bytes(core, u, event->bytes, event->len);
        break;
    case PK_UPLINK_EOF:
        pk_uplink_eof(core, u);
        break;
    case PK_UPLINK_LEAVE:
    case PK_SERVER_SERVES:
    case PK_SERVER_LOST:
        if (u->client != NULL)
            step_server(core, u->client, event);
        break;
    default:
        break;
    }
    pk_conn_changed(&core->conns, u);
}

/* Output went out. True when somebody waited for that, as a copy does that is on its way to another member. */
static bool step_sent(struct core *core, struct pk_uplink *u, const struct pk_event *event)
{
    struct pk_client *c = u->client;
    bool copying = false;
    if (event->type == PK_UPLINK_SENT) {
        uplink_sent(core, u, event->len);
    } else if (c != NULL) {
        client_sent(core, c, event->len);
        copying = c->kind == PK_KIND_LINK && pk_group_link_sent(core, c);
    }
    return copying || !pk_list_empty(&core->conns.ending);
}

/* False when nothing has happened that anybody else should hear of. */
static bool step_conn(struct core *core, struct pk_id id, const struct pk_event *event)
{
    struct pk_uplink *u = pk_conns_find(&core->conns, id);
    if (u == NULL)
        return false;
    core->conns.work = 0;
    if (event->type == PK_CLIENT_SENT || event->type == PK_UPLINK_SENT)
        return step_sent(core, u, event);
    if (event->type >= PK_UPLINK_READY)
        step_uplink(core, u, event);
    else if (u->client != NULL)
        step_client(core, u->client, event);
    return true;
}

/* Of what ended clients have left behind a little is tidied up in each step. */
static void sweep(struct core *core)
{
    struct pk_conns *conns = &core->conns;
    if (pk_paths_ended(&conns->paths))
        conns->worked += pk_paths_sweep(&conns->paths);
    if (pk_watches_ended(&core->store))
        conns->worked += pk_watches_sweep(&core->store);
}

/* Whoever was woken since goes on, who is to end ends, and what is asked on nobody's behalf is asked. */
static void settle(struct core *core, struct pk_list *since, bool others)
{
    struct pk_list *runnable = &core->conns.runnable;
    pk_lanes_collect(&core->pacemaker);
    pk_end_marked(core);
    if (others) {
        pk_list_del(since);
        pk_list_add_head(runnable, since);
    }
    run(core, since);
    sweep(core);
    if (core->conns.draining)
        pk_lanes_drain(&core->pacemaker);
    pk_flush_hurried(&core->sync);
    pk_end_marked(core);
    if (core->member != NULL)
        pk_group_step(core);
    pk_lanes_collect(&core->pacemaker); /* what the gate has let out */
    pk_end_marked(core);
    pk_service_step(&core->sync);
    pk_end_marked(core);
}

/* False when nothing has happened that anybody else should hear of. */
static bool take_in(struct core *core, struct pk_id id, const struct pk_event *event)
{
    switch (event->type) {
    case PK_CONTINUE:
        wake_resting(core);
        break;
    case PK_TICK:
        pk_times_up(core);
        pk_mounts_tick(core);
        pk_group_tick(core);
        break;
    case PK_RELEASE:
        pk_handover_all(&core->sync);
        break;
    case PK_HASTEN:
        pk_handover_hasten(&core->sync);
        break;
    case PK_DRAIN:
        drain(core);
        break;
    case PK_HANDOVER:
        if (core->member != NULL)
            pk_member_hand_over(core->member);
        break;
    default:
        return step_conn(core, id, event);
    }
    return true;
}

void core_step(struct core *core, struct pk_id id, const struct pk_event *event)
{
    struct pk_list *runnable = &core->conns.runnable, since;
    if (event->now_us > core->conns.now_us)
        core->conns.now_us = event->now_us;
    if (event->wall_ms > 0)
        core->conns.wall_ms = event->wall_ms;
    pk_list_init(&since);
    pk_list_add_tail(runnable, &since);
    bool happened = take_in(core, id, event);
    if (happened || since.next != runnable)
        settle(core, &since, event->type == PK_CONTINUE);
    pk_list_del(&since);
}
