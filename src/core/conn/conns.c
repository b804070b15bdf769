/*
 * The life of connections: places, visible changes, waking, the mark that one is to end.
 *
 * Happy path: changed once per turn, however many requests the turn brought.
 * Failure modes: whatever goes wrong ends in pk_conn_close with a reason, which marks and frees nothing; what is
 * written after that goes nowhere. A state that does not follow from the one before is a bug and ends the process.
 */
#include "core/conn/conns.h"

#include <string.h>

#include "base/check.h"
#include "core/conn/gate.h"
#include "core/store/stats.h"

enum {
    PATIENCE_US = 1000 * 1000, /* of others, with a server that owes an answer */
    KEPT_BLOCK = 192,          /* most requests that are kept, and their paths, fit into one */
};

void pk_conns_init(struct pk_conns *conns, const struct pk_mem *mem, struct core_stats *stats,
                   const struct pk_limits *limits)
{
    *conns = (struct pk_conns){.mem = mem, .secrets = mem, .stats = stats, .limits = *limits};
    struct pk_list *lists[] = {&conns->changed,     &conns->runnable,    &conns->resting,
                               &conns->ending,      &conns->handshaking, &conns->connecting,
                               &conns->outstanding, &conns->closing,     &conns->held};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        pk_list_init(lists[i]);
    pk_paths_init(&conns->paths, mem, limits->hash_seed);
    pk_out_shared_init(&conns->out, mem);
    pk_pool_init(&conns->entries, mem, sizeof(struct pk_entry));
    pk_pool_init(&conns->pendings, mem, sizeof(struct pk_pending));
    pk_pool_init(&conns->gate_pool, mem, sizeof(struct pk_gate));
    pk_pool_init(&conns->kept, mem, KEPT_BLOCK);
}

void pk_conns_drop(struct pk_conns *conns)
{
    pk_pool_drop(&conns->entries);
    pk_pool_drop(&conns->pendings);
    pk_pool_drop(&conns->gate_pool);
    pk_pool_drop(&conns->kept);
    pk_out_drop(&conns->out, &conns->nowhere);
    pk_out_shared_drop(&conns->out);
    pk_paths_drop(&conns->paths);
    pk_map_free(conns->mem, &conns->sessions);
    pk_free(conns->mem, conns->slots);
    pk_free(conns->mem, conns->gens);
}

static enum pk_err grow_slots(struct pk_conns *conns)
{
    uint32_t cap = conns->slots_cap > 0 ? conns->slots_cap * 2 : 64;
    struct pk_uplink **slots = pk_resize(conns->mem, conns->slots, cap * sizeof(struct pk_uplink *));
    if (slots == NULL)
        return PK_ENOMEM;
    conns->slots = slots;
    uint32_t *gens = pk_resize(conns->mem, conns->gens, cap * sizeof *gens);
    if (gens == NULL)
        return PK_ENOMEM;
    conns->gens = gens;
    conns->slots_cap = cap;
    return PK_OK;
}

static enum pk_err find_slot(struct pk_conns *conns, uint32_t *slot)
{
    for (uint32_t i = conns->free_hint; i < conns->nslots; i++) {
        if (conns->slots[i] == NULL) {
            *slot = conns->free_hint = i;
            return PK_OK;
        }
    }
    conns->free_hint = conns->nslots;
    if (conns->nslots == conns->slots_cap && grow_slots(conns) != PK_OK)
        return PK_ENOMEM;
    conns->slots[conns->nslots] = NULL;
    conns->gens[conns->nslots] = 1;
    *slot = conns->nslots++;
    return PK_OK;
}

/* Gives a zeroed uplink its place. */
static void take_place(struct pk_conns *conns, struct pk_uplink *u, uint32_t slot)
{
    conns->slots[slot] = u;
    u->id = (struct pk_id){slot, conns->gens[slot]};
    pk_list_init(&u->changed);
    pk_list_init(&u->runnable);
    pk_list_init(&u->timed);
    pk_awaited_init(&u->awaited);
    u->opened_us = u->timed_us = conns->now_us;
    conns->nconns++;
    pk_conn_changed(conns, u);
}

struct pk_uplink *pk_uplink_new(struct pk_conns *conns)
{
    uint32_t slot;
    if (find_slot(conns, &slot) != PK_OK)
        return NULL;
    struct pk_uplink *u = pk_zalloc(conns->mem, sizeof *u);
    if (u != NULL)
        take_place(conns, u, slot);
    return u;
}

struct pk_client *pk_client_new(struct pk_conns *conns, enum pk_client_kind kind)
{
    uint32_t slot;
    if (find_slot(conns, &slot) != PK_OK)
        return NULL;
    struct pk_client *c = pk_zalloc(conns->mem, sizeof *c);
    if (c == NULL)
        return NULL;
    take_place(conns, &c->up, slot);
    c->up.client = c;
    c->kind = (uint8_t)kind;
    pk_queue_init(&c->queue);
    struct pk_list *lists[] = {&c->permits, &c->dirty, &c->answer_wait.list, &c->watcher.watches};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        pk_list_init(lists[i]);
    c->answer_wait.client = c;
    c->heard_us = conns->now_us;
    if (kind == PK_KIND_ZOOKEEPER)
        pk_list_add_tail(&conns->handshaking, &c->up.timed);
    conns->stats->connections += kind != PK_KIND_LANE;
    return c;
}

void pk_conn_free(struct pk_conns *conns, struct pk_uplink *u)
{
    struct pk_client *c = u->client;
    PK_BUG_ON(u->ending || !pk_list_empty(&u->awaited.entries));
    pk_blob_unref(conns->mem, u->connect_request);
    pk_gate_drop(conns, &u->gate);
    pk_list_del(&u->changed);
    pk_list_del(&u->timed);
    conns->slots[u->id.slot] = NULL;
    conns->gens[u->id.slot]++;
    if (u->id.slot < conns->free_hint)
        conns->free_hint = u->id.slot;
    if (conns->current == u)
        conns->current = NULL;
    conns->nconns--;
    if (c == NULL) {
        pk_free(conns->mem, u);
        return;
    }
    pk_client_out_drop(conns, c);
    pk_backlog_drop(conns->mem, &c->backlog);
    conns->stats->connections -= c->kind != PK_KIND_LANE;
    pk_identities_drop(conns->mem, &c->identities);
    pk_blob_unref(conns->mem, c->writes);
    pk_blob_unref(conns->mem, c->holds);
    pk_free(conns->mem, c);
}

#define BIT(machine, state) (1u << PK_##machine##_##state)

void pk_uplink_move(struct pk_uplink *u, enum pk_uplink_state to)
{
    static const uint8_t edges[PK_UPLINK_STATES] = {
        [PK_UPLINK_NONE] = BIT(UPLINK, OPENING) | BIT(UPLINK, LOST),
        [PK_UPLINK_OPENING] =
            BIT(UPLINK, OPENING) | BIT(UPLINK, HANDSHAKE) | BIT(UPLINK, LOST) | BIT(UPLINK, NONE),
        [PK_UPLINK_HANDSHAKE] =
            BIT(UPLINK, OPENING) | BIT(UPLINK, UP) | BIT(UPLINK, LOST) | BIT(UPLINK, NONE),
        [PK_UPLINK_UP] =
            BIT(UPLINK, LOST) | BIT(UPLINK, NONE) | BIT(UPLINK, OPENING), /* the service session, elsewhere */
        [PK_UPLINK_LOST] = BIT(UPLINK, OPENING),
    };
    PK_BUG_ON((edges[u->state] >> to & 1) == 0);
    u->state = (uint8_t)to;
}

void pk_uplink_want_open(struct pk_conns *conns, struct pk_uplink *u)
{
    enum pk_uplink_way way = u->client != NULL ? conns->way : PK_WAY_ENSEMBLE;
    u->waits_way = way == PK_WAY_NONE;
    u->want_open = !u->waits_way;
    u->where = way == PK_WAY_PRIMARY ? PK_TO_MEMBER_RELAY : PK_TO_ENSEMBLE;
    if (u->waits_way)
        u->way_us = conns->now_us;
    pk_conn_changed(conns, u);
}

void pk_client_move(struct pk_client *c, enum pk_client_state to)
{
    static const uint8_t edges[PK_CLIENT_STATES] = {
        [PK_CLIENT_HANDSHAKE] = BIT(CLIENT, OPEN) | BIT(CLIENT, LAST),
        [PK_CLIENT_OPEN] = BIT(CLIENT, GONE) | BIT(CLIENT, LAST),
        [PK_CLIENT_GONE] = BIT(CLIENT, GONE) | BIT(CLIENT, LAST),
    };
    PK_BUG_ON((edges[c->state] >> to & 1) == 0);
    c->state = (uint8_t)to;
}

void pk_client_note(const struct pk_conns *conns, struct pk_blob **to, struct pk_bytes path)
{
    pk_blob_unref(conns->mem, *to);
    *to = pk_blob_new(conns->mem, path.p, path.len);
}

void pk_client_wake(struct pk_conns *conns, struct pk_client *c)
{
    if (pk_list_empty(&c->up.runnable) && c->state != PK_CLIENT_LAST)
        pk_list_add_tail(&conns->runnable, &c->up.runnable);
}

void pk_client_rest(struct pk_conns *conns, struct pk_client *c)
{
    if (c->up.ending || c->state == PK_CLIENT_LAST)
        return;
    c->resting = true;
    pk_list_del(&c->up.runnable);
    pk_list_add_tail(&conns->resting, &c->up.runnable);
    pk_conn_changed(conns, &c->up);
}

void pk_wake_all(struct pk_conns *conns, struct pk_list *waiters)
{
    PK_LIST_EACH(at, tmp, waiters) {
        struct pk_wait *w = PK_CONTAINER(at, struct pk_wait, list);
        pk_list_del(&w->list);
        pk_client_wake(conns, w->client);
    }
}

void pk_conn_close(struct pk_conns *conns, struct pk_uplink *u, enum pk_close why)
{
    bool ended = u->client != NULL ? u->client->state == PK_CLIENT_LAST : u->state == PK_UPLINK_LOST;
    if (u->ending || ended)
        return;
    u->ending = true;
    u->why = (uint8_t)why;
    pk_list_del(&u->runnable);
    pk_list_add_tail(&conns->ending, &u->runnable);
}

bool pk_uplink_silent(const struct pk_conns *conns, const struct pk_uplink *u)
{
    int64_t since = u->heard_us > u->timed_us ? u->heard_us : u->timed_us;
    if (u->client != NULL && u->client->hold != NULL && u->state != PK_UPLINK_UP)
        return true;
    return pk_awaited_any(&u->awaited) && conns->now_us - since > PATIENCE_US;
}

bool pk_client_lives(const struct pk_conns *conns, const struct pk_client *c)
{
    return c->kind != PK_KIND_ZOOKEEPER ||
           conns->now_us - c->heard_us <= (int64_t)c->up.timeout_ms * 1000 / 3;
}

void pk_conns_log(struct pk_conns *conns, enum pk_log_event_kind kind, const struct pk_uplink *u,
                  struct pk_bytes path, int64_t number)
{
    struct pk_id id = u != NULL ? u->id : (struct pk_id){UINT32_MAX, 0};
    pk_log_events_add(&conns->log_events, kind, id, path, number);
}

static void check_awaited(const struct pk_uplink *u)
{
    for (const struct pk_list *at = u->awaited.entries.next; at != &u->awaited.entries; at = at->next)
        PK_BUG_ON(PK_CONTAINER(at, struct pk_entry, uplink)->state != PK_ENTRY_AWAITED);
    PK_BUG_ON(u->awaited.npings > PK_PINGS_MAX);
    PK_BUG_ON(u->ending);
}

static uint32_t check_queue(const struct pk_client *c)
{
    uint32_t depth = 0, locals = 0;
    size_t parked = 0;
    for (const struct pk_list *at = c->queue.entries.next; at != &c->queue.entries; at = at->next) {
        const struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, client);
        depth++;
        locals += e->state == PK_ENTRY_LOCAL;
        parked += e->parked != NULL ? e->parked->len : 0;
        PK_BUG_ON((e->state == PK_ENTRY_PARKED) != (e->parked != NULL));
    }
    PK_BUG_ON(depth != c->queue.depth || locals != c->queue.locals || parked != c->queue.parked_bytes);
    PK_BUG_ON(c->state == PK_CLIENT_LAST && (depth > 0 || c->pending != NULL));
    return depth;
}

void pk_conns_check(const struct pk_conns *conns)
{
    int64_t depth = 0, clients = 0, up = 0;
    for (uint32_t i = 0; i < conns->nslots; i++) {
        const struct pk_uplink *u = conns->slots[i];
        if (u == NULL)
            continue;
        check_awaited(u);
        up += u->state == PK_UPLINK_HANDSHAKE || u->state == PK_UPLINK_UP;
        clients += u->client != NULL && u->client->kind != PK_KIND_LANE;
        depth += u->client != NULL ? check_queue(u->client) : 0;
    }
    PK_BUG_ON(depth != conns->stats->queue_depth || clients != conns->stats->connections ||
              up != conns->stats->uplinks);
}
