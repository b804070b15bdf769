/*
 * The life of a connection: visible changes, waking, the mark that it is to end.
 *
 * Happy path: changed once per turn, however many requests the turn brought.
 * Failure modes: whatever goes wrong ends in pk_conn_close with a reason, which marks the connection and frees nothing:
 * who noticed may go on to the end of what it does, and whatever it still writes goes nowhere (end.c tears down).
 */
#include <string.h>

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
    if (pk_list_empty(&c->runnable) && c->client != PK_CLIENT_LAST && !c->ending)
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
    if (c->ending)
        return NULL;
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

void pk_conn_close(struct core *core, struct pk_conn *c, enum pk_close why)
{
    if (c->ending || c->client == PK_CLIENT_LAST)
        return;
    c->ending = true;
    c->why = why;
    pk_list_del(&c->runnable);
    pk_list_add_tail(&core->ending, &c->runnable);
}
