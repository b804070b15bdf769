/*
 * The seam: events in, updates out.
 *
 * Happy path: core_step dispatches one event, then judges again whoever it woke, within a budget; core_next hands out
 * each connection that changed once. Failure modes: an id whose connection is gone is ignored. What a driver did not
 * report as sent before it asks for the next update is copied, so a forgetful driver costs speed, not memory safety.
 */
#include "core/core.h"

#include <string.h>

#include "base/check.h"
#include "core/client.h"
#include "core/conn/hold.h"
#include "core/conn/vouch.h"
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
#include "core/sync/parts.h"
#include "core/sync/service.h"
#include "core/sync/writeback.h"
#include "core/tick.h"
#include "core/uplink.h"

_Static_assert(PK_CLIENT_SASL < PK_UPLINK_READY && PK_UPLINK_SENT < PK_CONTINUE,
               "step_conn tells them apart by order");

enum { KEEP_PROMOTED_US = 60 * 1000 * 1000, WATCH_MEMORY = 16 << 20, HOLD_WATCHES = 1 << 20 };
enum { STEP_WORK = 4 * PK_TURN_WORK /* a step's, of those who go on */ };

static struct pk_limits limits_of(const struct core_config *config)
{
    return (struct pk_limits){.max_frame = config->max_frame,
                              .client_high_water = config->client_high_water,
                              .uplink_high_water = config->uplink_high_water,
                              .max_parked = config->max_parked,
                              .handshake_us = config->handshake_us,
                              .hold = config->hold || config->group != NULL,
                              .hold_watches = config->hold_watches > 0 ? config->hold_watches : HOLD_WATCHES,
                              .hash_seed = config->hash_seed};
}

static size_t watch_memory(const struct core_config *config)
{
    return config->watch_memory > 0 ? config->watch_memory : WATCH_MEMORY;
}

enum pk_err core_new(struct core **out, const struct pk_mem *mem, const struct core_config *config)
{
    struct core *core = pk_zalloc(mem, sizeof *core);
    if (core == NULL)
        return PK_ENOMEM;
    struct pk_limits limits = limits_of(config);
    core->mem = mem;
    core->keep_promoted_us = config->keep_promoted_us > 0 ? config->keep_promoted_us : KEEP_PROMOTED_US;
    pk_store_init(&core->store, mem, &core->stats, config->hash_seed, sizeof(struct pk_writeback));
    pk_conns_init(&core->conns, mem, &core->stats, &limits);
    core->conns.sasl_ended = config->sasl_ended;
    if (config->secrets != NULL)
        core->conns.secrets = config->secrets;
    pk_sync_init(&core->sync, &core->store, &core->conns);
    core->store.watch_memory = watch_memory(config);
    enum pk_err err = PK_OK;
    for (size_t i = 0; i < config->nmounts && err == PK_OK; i++)
        err = pk_store_add_mount(&core->store, &config->mounts[i]);
    core->conns.nmounts = (uint8_t)core->store.nmounts;
    if (err == PK_OK)
        err = core_auth_set(core, config->auths, config->nauths);
    if (err == PK_OK && config->group != NULL)
        err = pk_member_new(&core->member, &core->sync, config->group);
    if (err == PK_OK)
        err = pk_pacemaker_init(&core->pacemaker, &core->sync, config->pacemaker, config->max_message,
                                config->login);
    if (err != PK_OK) {
        core_free(core);
        return err;
    }
    *out = core;
    return PK_OK;
}

void core_free(struct core *core)
{
    if (core == NULL)
        return;
    core->store.tap = (struct pk_tap){.hear = NULL};
    pk_lanes_drop(&core->pacemaker);
    for (uint32_t i = 0; i < core->conns.nslots; i++)
        if (core->conns.slots[i] != NULL)
            pk_end_free(core, core->conns.slots[i]);
    pk_cached_drop_all(&core->sync);
    pk_member_free(core->member);
    pk_sync_drop(&core->sync);
    pk_conns_drop(&core->conns);
    pk_store_drop(&core->store);
    pk_free(core->mem, core);
}

static enum pk_err open_client(struct core *core, int64_t now_us, enum pk_client_kind kind, struct pk_id *out)
{
    struct pk_client *c = pk_client_open(core, now_us, kind);
    if (c == NULL)
        return PK_ENOMEM;
    c->came = core->conns.gates != NULL ? core->conns.gates->asked : 0;
    *out = c->up.id;
    return PK_OK;
}

enum pk_err core_open(struct core *core, int64_t now_us, struct pk_id *out)
{
    return open_client(core, now_us, PK_KIND_ZOOKEEPER, out);
}

enum pk_err core_open_pacemaker(struct core *core, int64_t now_us, struct pk_id *out)
{
    PK_BUG_ON(core->pacemaker.mount == NULL);
    return open_client(core, now_us, PK_KIND_PACEMAKER, out);
}

static struct pk_client *find_client(struct core *core, struct pk_id id)
{
    struct pk_uplink *u = pk_conns_find(&core->conns, id);
    return u != NULL ? u->client : NULL;
}

void core_client_address(struct core *core, struct pk_id id, const uint8_t *address, size_t len)
{
    struct pk_client *c = find_client(core, id);
    if (c != NULL)
        pk_identities_address(&c->identities, address, len);
}

enum pk_err core_identify(struct core *core, struct pk_id id, const char *scheme, const char *name)
{
    struct pk_client *c = find_client(core, id);
    if (c == NULL)
        return PK_OK;
    struct pk_blob *identity =
        pk_identity_new(core->mem, (struct pk_bytes){(const uint8_t *)scheme, (uint32_t)strlen(scheme)},
                        (struct pk_bytes){(const uint8_t *)name, (uint32_t)strlen(name)});
    if (identity == NULL)
        return PK_ENOMEM;
    enum pk_err err = pk_identities_add(core->mem, &c->identities, identity);
    if (err == PK_OK)
        err = pk_vouch(&core->conns, &c->up, identity);
    pk_blob_unref(core->mem, identity);
    return err == PK_ENOMEM ? err : PK_OK;
}

void core_uplink_release(struct core *core, struct pk_id id, uint16_t release)
{
    struct pk_uplink *u = pk_conns_find(&core->conns, id);
    if (u != NULL)
        u->release = release;
}

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

/* The driver is done with the update before: what it did not send is kept, what ended is freed. */
static void finish_current(struct core *core)
{
    struct pk_uplink *u = core->conns.current;
    core->conns.current = NULL;
    if (u == NULL)
        return;
    struct pk_client *c = u->client;
    bool kept = c == NULL || pk_out_keep(&core->conns.out, &c->out) == PK_OK;
    if (!kept || pk_out_keep(&core->conns.out, &u->out) != PK_OK) {
        if (c != NULL)
            pk_client_out_drop(&core->conns, c);
        pk_conn_close(&core->conns, u, PK_CLOSE_NO_MEMORY);
        pk_end_marked(core);
    }
    if (c != NULL ? c->want_close : u->closed)
        pk_end_free(core, u);
}

/* Where a connection to another member is to lead. */
static void fill_way(const struct core *core, const struct pk_uplink *u, struct pk_update *update)
{
    const struct pk_member *m = core->member;
    update->address = u->address != NULL ? u->address : m->before_address;
    update->epoch = m->before_epoch;
    update->silent_us = u->client != NULL ? core->conns.now_us - u->client->heard_us : 0;
}

static void fill_uplink(struct core *core, struct pk_uplink *u, struct pk_update *update)
{
    if (u->want_close)
        update->flags |= PK_UPLINK_CLOSE;
    if (u->want_open)
        update->flags |= PK_UPLINK_OPEN | (u->why != PK_CLOSE_NONE ? PK_UPLINK_CLOSE : 0);
    if (u->want_ask)
        update->flags |= PK_UPLINK_ASK;
    if (u->where != PK_TO_ENSEMBLE)
        fill_way(core, u, update);
    update->attach = u->client != NULL && u->client->hold != NULL;
    update->lost_us = update->attach ? u->client->hold->lost_us : 0;
    update->due_us = update->attach ? u->client->hold->deadline_us : 0;
    u->want_close = u->want_open = u->want_ask = false;
    update->nuplink = pk_out_iov(&u->out, update->uplink, PK_UPDATE_IOV);
    if (update->nuplink > 0)
        update->flags |= PK_UPLINK_OUT;
    update->read_uplink = pk_uplink_wants(core, u);
}

static void fill_client(struct core *core, struct pk_client *c, struct pk_update *update)
{
    bool lane = c->kind == PK_KIND_LANE; /* what it has is its jobs' */
    if (c->state == PK_CLIENT_GONE || (lane && c->state == PK_CLIENT_LAST))
        pk_client_out_drop(&core->conns, c);
    update->nclient = lane ? 0 : pk_out_iov(&c->out, update->client, PK_UPDATE_IOV);
    if (update->nclient > 0)
        update->flags |= PK_CLIENT_OUT;
    update->read_client = pk_client_wants(core, c);
    if (pk_token_take(c, &update->sasl) || pk_login_take(c, &update->sasl))
        update->flags |= PK_SASL_STEP;
    if (c->state != PK_CLIENT_LAST || pk_client_unsent(c) > 0)
        return;
    c->want_close = true;
    update->flags |= PK_CLIENT_CLOSE;
    if (c->up.why == PK_CLOSE_FOUR_LETTER) {
        update->flags |= PK_FOUR_LETTER;
        memcpy(update->four_letter, c->four_letter, sizeof update->four_letter);
    }
}

/* Every field but what a flag says is set: zeroing it all is dear. */
static void fill_update(struct core *core, struct pk_uplink *u, struct pk_update *update)
{
    struct pk_client *c = u->client;
    update->flags = 0;
    update->why = (enum pk_close)u->why;
    update->where = (enum pk_where)u->where;
    update->service = c == NULL || c->kind == PK_KIND_LANE;
    fill_uplink(core, u, update);
    if (c != NULL) {
        fill_client(core, c, update);
        return;
    }
    update->nclient = 0;
    update->read_client = false;
    u->closed = u->state == PK_UPLINK_LOST;
    if (u->closed)
        update->flags |= PK_CLIENT_CLOSE;
}

bool core_next(struct core *core, struct pk_id *id, struct pk_update *update)
{
    struct pk_conns *conns = &core->conns;
    finish_current(core);
    if (pk_list_empty(&conns->changed)) {
        pk_out_drop(&conns->out, &conns->nowhere);
        pk_out_end_turn(&conns->out);
        return false;
    }
    struct pk_uplink *u = PK_CONTAINER(conns->changed.next, struct pk_uplink, changed);
    pk_list_del(&u->changed);
    u->marked = false;
    conns->current = u;
    *id = u->id;
    fill_update(core, u, update);
    return true;
}

bool core_pending(const struct core *core)
{
    return !pk_list_empty(&core->conns.runnable) || !pk_list_empty(&core->conns.resting);
}

bool core_idle(const struct core *core)
{
    return core->conns.nconns == 0 && pk_list_empty(&core->sync.orphans) &&
           pk_list_empty(&core->sync.refused);
}

/* Who was held back by a bound goes on when the new one lets him. */
void core_limits_set(struct core *core, const struct core_config *config)
{
    struct pk_limits limits = limits_of(config);
    limits.hold = core->conns.limits.hold;
    limits.hash_seed = core->conns.limits.hash_seed;
    core->conns.limits = limits;
    core->store.watch_memory = watch_memory(config);
    core->pacemaker.max_message = config->max_message;
    for (uint32_t i = 0; i < core->conns.nslots; i++) {
        struct pk_uplink *u = core->conns.slots[i];
        if (u == NULL)
            continue;
        pk_conn_changed(&core->conns, u);
        if (u->client != NULL)
            pk_client_wake(&core->conns, u->client);
    }
}

enum pk_err core_auth_set(struct core *core, const struct core_auth *auths, size_t n)
{
    return pk_service_set_auths(&core->sync, auths, n);
}
