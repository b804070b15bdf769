/*
 * The life of a connection: visible changes, waking, its end.
 *
 * Happy path: changed once per turn, however many requests the turn brought.
 * Failure modes: whatever goes wrong ends in pk_conn_close with a reason; replies that are already written
 * are still flushed, what was awaited is dropped, those who waited for this connection's promotions are woken.
 */
#include <string.h>

#include "core/cached.h"
#include "core/intent.h"
#include "core/precheck.h"
#include "core/promote.h"
#include "core/relay.h"
#include "core/service.h"
#include "core/state.h"

static enum pk_err grow_slots(struct core *core)
{
    uint32_t cap = core->slots_cap > 0 ? core->slots_cap * 2 : 64;
    struct pk_conn **slots = pk_resize(core->mem, core->slots, cap * sizeof(struct pk_conn *));
    if (slots == NULL)
        return PK_ENOMEM;
    core->slots = slots;
    uint32_t *gens = pk_resize(core->mem, core->gens, cap * sizeof *gens);
    if (gens == NULL)
        return PK_ENOMEM;
    core->gens = gens;
    core->slots_cap = cap;
    return PK_OK;
}

static enum pk_err find_slot(struct core *core, uint32_t *slot)
{
    for (uint32_t i = core->free_hint; i < core->nslots; i++) {
        if (core->slots[i] == NULL) {
            *slot = core->free_hint = i;
            return PK_OK;
        }
    }
    core->free_hint = core->nslots;
    if (core->nslots == core->slots_cap && grow_slots(core) != PK_OK)
        return PK_ENOMEM;
    core->slots[core->nslots] = NULL;
    core->gens[core->nslots] = 1;
    *slot = core->nslots++;
    return PK_OK;
}

static void init_conn(struct core *core, struct pk_conn *c)
{
    struct pk_list *own[] = {&c->watches, &c->changed, &c->runnable, &c->waiting,
                             &c->timed,   &c->permits, &c->dirty};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        pk_list_init(own[i]);
    pk_queue_init(&c->queue);
    c->opened_us = c->heard_us = c->timed_us = core->now_us;
}

struct pk_conn *pk_conn_new(struct core *core)
{
    uint32_t slot;
    if (find_slot(core, &slot) != PK_OK)
        return NULL;
    struct pk_conn *c = pk_zalloc(core->mem, sizeof *c);
    if (c == NULL)
        return NULL;
    core->slots[slot] = c;
    c->id = (struct pk_id){slot, core->gens[slot]};
    init_conn(core, c);
    core->nconns++;
    pk_conn_changed(core, c);
    return c;
}

void pk_conn_changed(struct core *core, struct pk_conn *c)
{
    if (!c->marked) {
        c->marked = true;
        pk_list_add_tail(&core->changed, &c->changed);
    }
}

void pk_conn_wake(struct core *core, struct pk_conn *c)
{
    if (pk_list_empty(&c->runnable) && c->client != PK_CLIENT_LAST)
        pk_list_add_tail(&core->runnable, &c->runnable);
}

void pk_conn_wait(struct core *core, struct pk_conn *c)
{
    if (pk_list_empty(&c->waiting))
        pk_list_add_tail(&core->waiting, &c->waiting);
}

void pk_core_wake_waiting(struct core *core)
{
    PK_LIST_EACH(at, tmp, &core->waiting) {
        struct pk_conn *c = PK_CONTAINER(at, struct pk_conn, waiting);
        pk_list_del(&c->waiting);
        pk_conn_wake(core, c);
    }
}

void pk_core_log_event(struct core *core, enum pk_log_event_kind kind, const struct pk_conn *c,
                       struct pk_bytes path, int64_t number)
{
    if (core->nlog_events == PK_LOG_EVENTS)
        return;
    struct core_log_event *n = &core->notes[(core->first_log_event + core->nlog_events++) % PK_LOG_EVENTS];
    *n = (struct core_log_event){.kind = kind, .id = {UINT32_MAX, 0}, .number = number};
    if (c != NULL)
        n->id = c->id;
    size_t len = path.len < sizeof n->path - 1 ? path.len : sizeof n->path - 1;
    if (len > 0)
        memcpy(n->path, path.p, len);
    n->path[len] = '\0';
}

int32_t pk_core_xid(struct core *core)
{
    enum { FIRST = -0x40000000, LAST = -0x20000000 };
    core->internal_xid =
        core->internal_xid < FIRST || core->internal_xid >= LAST ? FIRST : core->internal_xid + 1;
    return core->internal_xid;
}

void pk_conn_lift_zxid(const struct pk_conn *c, uint8_t *p)
{
    struct pk_reply r;
    pk_reply_load(&r, p + PK_LEN_WORD);
    if (r.zxid > 0 && r.zxid < c->emitted_zxid)
        pk_put_long(p + PK_LEN_WORD + 4, c->emitted_zxid);
}

uint8_t *pk_conn_client_room(struct core *core, struct pk_conn *c, size_t len)
{
    if (c->client == PK_CLIENT_GONE)
        pk_out_drop(&core->out, &c->client_out);
    uint8_t *p = pk_out_room(&core->out, &c->client_out, len);
    if (p == NULL)
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
    pk_conn_changed(core, c);
    return p;
}

uint8_t *pk_conn_uplink_room(struct core *core, struct pk_conn *c, size_t len)
{
    uint8_t *p = pk_out_room(&core->out, &c->uplink_out, len);
    if (p == NULL)
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
    c->uplink_wrote_us = core->now_us;
    pk_conn_changed(core, c);
    return p;
}

/* Drops what is awaited, asked and promoted on the connection's behalf: its uplink is gone. */
static void abandon(struct core *core, struct pk_conn *c)
{
    PK_LIST_EACH(at, tmp, &c->queue.client)
        pk_entry_free(core, c, PK_CONTAINER(at, struct pk_entry, client));
    PK_LIST_EACH(at, tmp, &c->queue.uplink)
        pk_entry_free(core, c, PK_CONTAINER(at, struct pk_entry, uplink));
    pk_queue_init(&c->queue);
    pk_precheck_drop(core, c);
    pk_promotion_drop(core, c);
    pk_cached_release(core, c);
    pk_blob_unref(core->mem, c->in.frame);
    c->in = (struct pk_incoming){0};
    pk_out_drop(&core->out, &c->uplink_out);
}

static void count_close(struct core *core, enum pk_close why)
{
    switch (why) {
    case PK_CLOSE_MALFORMED_LENGTH:
    case PK_CLOSE_MALFORMED_REQUEST:
    case PK_CLOSE_MALFORMED_CONNECT:
        core->stats.closed_malformed++;
        break;
    case PK_CLOSE_UPLINK_LOST:
    case PK_CLOSE_UPLINK_SILENT:
    case PK_CLOSE_UPLINK_CLOSED_AT_ONCE:
    case PK_CLOSE_CONNECT_UNANSWERED:
    case PK_CLOSE_NO_UPSTREAM:
    case PK_CLOSE_MALFORMED_UPSTREAM:
    case PK_CLOSE_UNEXPECTED_REPLY:
        core->stats.closed_uplink++;
        break;
    case PK_CLOSE_HANDSHAKE_TIMEOUT:
        core->stats.closed_handshake++;
        break;
    case PK_CLOSE_NO_MEMORY:
        core->stats.closed_memory++;
        break;
    case PK_CLOSE_FENCED:
        core->stats.fenced++;
        break;
    default:
        break;
    }
}

static void leave_session(struct core *core, struct pk_conn *c)
{
    if (c->session_id == 0 || c->own)
        return;
    core->stats.sessions--;
    pk_map_del(&core->sessions, &c->by_session);
    c->session_id = 0;
}

void pk_conn_close(struct core *core, struct pk_conn *c, enum pk_close why)
{
    if (c->client == PK_CLIENT_LAST)
        return;
    bool gone = c->client == PK_CLIENT_GONE;
    c->client = PK_CLIENT_LAST;
    c->why = why;
    count_close(core, why);
    abandon(core, c);
    pk_watches_end(core, c);
    pk_cached_conn_ends(core, c);
    leave_session(core, c);
    if (c->uplink != PK_UPLINK_NONE && c->uplink != PK_UPLINK_LOST)
        c->uplink_close = true;
    c->uplink_open = false;
    if (c->uplink == PK_UPLINK_HANDSHAKE || c->uplink == PK_UPLINK_UP)
        core->stats.uplinks--;
    c->uplink = PK_UPLINK_LOST;
    if (gone || why == PK_CLOSE_FOUR_LETTER)
        pk_out_drop(&core->out, &c->client_out);
    pk_list_del(&c->runnable);
    pk_list_del(&c->waiting);
    pk_list_del(&c->timed);
    c->timed_us = core->now_us;
    pk_list_add_tail(&core->lasting, &c->timed);
    pk_conn_changed(core, c);
    if (c->own)
        pk_service_closed(core, c);
}

void pk_conn_free(struct core *core, struct pk_conn *c)
{
    pk_conn_close(core, c, PK_CLOSE_CLIENT_LEFT);
    pk_out_drop(&core->out, &c->client_out);
    pk_blob_unref(core->mem, c->connect_request);
    pk_free(core->mem, c->backlog.p);
    pk_free(core->mem, c->holds.v);
    pk_list_del(&c->changed);
    pk_list_del(&c->timed);
    core->slots[c->id.slot] = NULL;
    core->gens[c->id.slot]++;
    if (c->id.slot < core->free_hint)
        core->free_hint = c->id.slot;
    if (core->given == c)
        core->given = NULL;
    core->nconns--;
    if (!c->own)
        core->stats.connections--;
    pk_free(core->mem, c);
}
