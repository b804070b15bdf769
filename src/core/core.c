/*
 * The seam: events in, updates out.
 *
 * Happy path: core_step dispatches one event, then judges again whoever it woke, within a budget; core_next
 * hands out each connection that changed once. Failure modes: an id whose connection is gone is ignored. What
 * a driver did not report as sent before it asks for the next update is copied, so a forgetful driver costs
 * speed, not memory safety.
 */
#include "core/core.h"

#include <string.h>

#include "core/answer.h"
#include "core/cached.h"
#include "core/client.h"
#include "core/end.h"
#include "core/handover.h"
#include "core/intent.h"
#include "core/keepalive.h"
#include "core/service.h"
#include "core/session.h"
#include "core/uplink.h"

static void init_lists(struct core *core)
{
    struct pk_list *lists[] = {&core->changed,     &core->ending,          &core->runnable,    &core->waiting,
                               &core->handshaking, &core->connect_request, &core->outstanding, &core->lasting,
                               &core->orphans,     &core->refused,         &core->over};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        pk_list_init(lists[i]);
}

enum pk_err core_new(struct core **out, const struct pk_mem *mem, const struct core_config *config)
{
    struct core *core = pk_zalloc(mem, sizeof *core);
    if (core == NULL)
        return PK_ENOMEM;
    core->mem = mem;
    core->config = *config;
    core->config.mounts = NULL;
    core->config.auths = NULL;
    init_lists(core);
    pk_out_shared_init(&core->out, mem);
    pk_pool_init(&core->entries, mem, sizeof(struct pk_entry));
    pk_pool_init(&core->intents, mem, sizeof(struct pk_intent));
    pk_pool_init(&core->watches, mem, sizeof(struct pk_watch));
    pk_pool_init(&core->cached_znodes, mem, sizeof(struct pk_cached));
    pk_pool_init(&core->permits, mem, sizeof(struct pk_permit));
    enum pk_err err = pk_store_init(&core->store, mem, config, &core->stats);
    if (err == PK_OK)
        err = core_auth_set(core, config->auths, config->nauths);
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
    core->service_next_us = INT64_MAX;
    for (uint32_t i = 0; i < core->nslots; i++)
        if (core->slots[i] != NULL)
            pk_end_free(core, core->slots[i]);
    pk_cached_drop_all(core);
    pk_store_drop(&core->store);
    pk_auths_drop(core);
    pk_pool_drop(&core->entries);
    pk_pool_drop(&core->intents);
    pk_pool_drop(&core->watches);
    pk_pool_drop(&core->cached_znodes);
    pk_pool_drop(&core->permits);
    pk_out_shared_drop(&core->out);
    pk_map_free(core->mem, &core->sessions);
    pk_free(core->mem, core->slots);
    pk_free(core->mem, core->gens);
    pk_free(core->mem, core);
}

enum pk_err core_open(struct core *core, int64_t now_us, struct pk_id *out)
{
    if (now_us > core->now_us)
        core->now_us = now_us;
    struct pk_conn *c = pk_conn_new(core);
    if (c == NULL)
        return PK_ENOMEM;
    pk_list_add_tail(&core->handshaking, &c->timed);
    core->stats.connections++;
    *out = c->id;
    return PK_OK;
}

static struct pk_conn *lookup(const struct core *core, struct pk_id id)
{
    if (id.slot >= core->nslots || core->slots[id.slot] == NULL || core->gens[id.slot] != id.gen)
        return NULL;
    return core->slots[id.slot];
}

static void beats_out(struct core *core, struct pk_conn *c)
{
    if (c->beats == 0 || c->client_out.bytes > 0)
        return;
    pk_histogram_add(&core->beat_latency, core->now_us - c->beats_us, c->beats);
    c->beats = 0;
}

/* Output that went out whole changes nothing that the driver should hear of, unless it had held reading back. */
static void client_sent(struct core *core, struct pk_conn *c, size_t n)
{
    bool pressed = c->client_out.bytes > core->config.client_high_water;
    pk_out_sent(&core->out, &c->client_out, n < c->client_out.bytes ? n : c->client_out.bytes);
    beats_out(core, c);
    if (pressed || c->client_out.bytes > 0 || c->client == PK_CLIENT_LAST)
        pk_conn_changed(core, c);
    if (c->client_out.bytes <= core->config.client_high_water / 2 && (c->blocked || c->queue.locals > 0))
        pk_conn_wake(core, c);
}

static void uplink_sent(struct core *core, struct pk_conn *c, size_t n)
{
    bool pressed = c->uplink_out.bytes > core->config.uplink_high_water;
    pk_out_sent(&core->out, &c->uplink_out, n < c->uplink_out.bytes ? n : c->uplink_out.bytes);
    if (pressed || c->uplink_out.bytes > 0)
        pk_conn_changed(core, c);
    if (c->blocked || c->client == PK_CLIENT_GONE || core->draining)
        pk_conn_wake(core, c);
}

static void drain(struct core *core)
{
    core->draining = true;
    pk_service_want(core);
    for (uint32_t i = 0; i < core->nslots; i++) {
        struct pk_conn *c = core->slots[i];
        if (c == NULL || c->own)
            continue;
        if (c->client == PK_CLIENT_HANDSHAKE || c->uplink != PK_UPLINK_UP)
            pk_conn_close(core, c, PK_CLOSE_DRAINED);
        else
            pk_conn_wake(core, c);
    }
}

/* Judges again those who are runnable now; who becomes so meanwhile has to wait for PK_CONTINUE. */
static void run(struct core *core)
{
    struct pk_list now;
    pk_list_take(&core->runnable, &now);
    while (!pk_list_empty(&now))
        pk_client_run(core, PK_CONTAINER(now.next, struct pk_conn, runnable));
}

static void step_conn(struct core *core, struct pk_conn *c, const struct pk_event *event)
{
    switch (event->type) {
    case PK_CLIENT_BYTES:
        if (c->client == PK_CLIENT_HANDSHAKE || c->client == PK_CLIENT_OPEN)
            pk_client_bytes(core, c, event->bytes, event->len);
        break;
    case PK_CLIENT_EOF:
        pk_client_eof(core, c);
        break;
    case PK_CLIENT_SENT:
        client_sent(core, c, event->len);
        return;
    case PK_UPLINK_READY:
        pk_session_connect(core, c);
        break;
    case PK_UPLINK_FAILED:
        pk_uplink_failed(core, c);
        break;
    case PK_UPLINK_BYTES:
        pk_uplink_bytes(core, c, event->bytes, event->len);
        break;
    case PK_UPLINK_EOF:
        pk_uplink_eof(core, c);
        break;
    case PK_UPLINK_SENT:
        uplink_sent(core, c, event->len);
        return;
    default:
        return;
    }
    pk_conn_changed(core, c);
}

void core_step(struct core *core, struct pk_id id, const struct pk_event *event)
{
    if (event->now_us > core->now_us)
        core->now_us = event->now_us;
    if (event->wall_ms > core->wall_ms)
        core->wall_ms = event->wall_ms;
    if (event->type == PK_TICK) {
        pk_times_up(core);
    } else if (event->type == PK_RELEASE) {
        pk_handover_all(core);
    } else if (event->type == PK_DRAIN) {
        drain(core);
    } else if (event->type != PK_CONTINUE) {
        struct pk_conn *c = lookup(core, id);
        if (c != NULL)
            step_conn(core, c, event);
    }
    pk_end_marked(core);
    run(core);
    pk_end_marked(core);
}

/* The driver is done with the update before: what it did not send is kept, what ended is freed. */
static void finish_given(struct core *core)
{
    struct pk_conn *c = core->given;
    core->given = NULL;
    if (c == NULL)
        return;
    if (pk_out_keep(&core->out, &c->client_out) != PK_OK ||
        pk_out_keep(&core->out, &c->uplink_out) != PK_OK) {
        pk_out_drop(&core->out, &c->client_out);
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        pk_end_marked(core);
    }
    if (c->client_close)
        pk_end_free(core, c);
}

static void fill_update(struct core *core, struct pk_conn *c, struct pk_update *u)
{
    u->flags = 0; /* the rest is set below where a flag says that it counts: zeroing it all is dear */
    u->why = c->why;
    if (c->client == PK_CLIENT_GONE)
        pk_out_drop(&core->out, &c->client_out);
    if (c->uplink_close)
        u->flags |= PK_UPLINK_CLOSE;
    if (c->uplink_open)
        u->flags |= PK_UPLINK_OPEN | (c->why != PK_CLOSE_NONE ? PK_UPLINK_CLOSE : 0);
    c->uplink_close = c->uplink_open = false;
    u->nclient = pk_out_iov(&c->client_out, u->client, PK_UPDATE_IOV);
    u->nuplink = pk_out_iov(&c->uplink_out, u->uplink, PK_UPDATE_IOV);
    if (u->nclient > 0)
        u->flags |= PK_CLIENT_OUT;
    if (u->nuplink > 0)
        u->flags |= PK_UPLINK_OUT;
    u->read_client = pk_client_wants(core, c);
    u->read_uplink = pk_uplink_wants(core, c);
    u->own = c->own;
    if (c->client == PK_CLIENT_LAST && c->client_out.bytes == 0) {
        c->client_close = true;
        u->flags |= PK_CLIENT_CLOSE;
        if (c->why == PK_CLOSE_FOUR_LETTER) {
            u->flags |= PK_FOUR_LETTER;
            memcpy(u->word, c->word, sizeof u->word);
        }
    }
}

bool core_next(struct core *core, struct pk_id *id, struct pk_update *update)
{
    finish_given(core);
    if (pk_list_empty(&core->changed)) {
        pk_out_end_turn(&core->out);
        return false;
    }
    struct pk_conn *c = PK_CONTAINER(core->changed.next, struct pk_conn, changed);
    pk_list_del(&c->changed);
    c->marked = false;
    core->given = c;
    *id = c->id;
    fill_update(core, c, update);
    return true;
}

bool core_pending(const struct core *core)
{
    return !pk_list_empty(&core->runnable);
}

bool core_idle(const struct core *core)
{
    return core->nconns == 0 && pk_list_empty(&core->orphans) && pk_list_empty(&core->refused);
}

bool core_take_log_event(struct core *core, struct core_log_event *note)
{
    if (core->nlog_events == 0)
        return false;
    *note = core->notes[core->first_log_event];
    core->first_log_event = (core->first_log_event + 1) % PK_LOG_EVENTS;
    core->nlog_events--;
    return true;
}

const struct core_stats *core_stats(const struct core *core)
{
    return &core->stats;
}

int64_t core_beat_latency(const struct core *core, double quantile)
{
    return pk_histogram_quantile(&core->beat_latency, quantile);
}

bool core_mount_info(const struct core *core, size_t i, struct core_mount_info *info)
{
    if (i >= core->store.nmounts)
        return false;
    const struct pk_mount *m = &core->store.mounts[i];
    *info = (struct core_mount_info){.path = m->config.path,
                                     .mode = m->config.mode,
                                     .znodes = m->znodes,
                                     .bytes = m->bytes,
                                     .cached_znodes = m->cached_znodes,
                                     .dirty = m->dirty,
                                     .left = pk_handover_left(m)};
    return true;
}

bool core_conn_info(const struct core *core, struct pk_id id, struct core_conn_info *info)
{
    const struct pk_conn *c = lookup(core, id);
    if (c == NULL)
        return false;
    *info = (struct core_conn_info){
        .session_id = c->session_id,
        .timeout_ms = c->timeout_ms,
        .received = c->received,
        .sent = c->sent,
        .local = c->local,
        .queued = c->queue.depth,
        .last_xid = c->last_xid,
        .last_op = c->last_op,
        .last_zxid = c->emitted_zxid,
        .opened_us = c->opened_us,
        .heard_us = c->heard_us,
    };
    return true;
}
