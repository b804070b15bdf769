/*
 * The gate.
 *
 * Happy path: without a group there is none; where no copy is waited for and the reign is valid nothing waits.
 * Failure modes: out of memory marks the connection to end, and what was to wait goes nowhere. What waits when the
 * reign is another's never leaves: its owner drops it.
 */
#include "core/conn/gate.h"

void pk_gates_init(struct pk_gates *gates)
{
    *gates = (struct pk_gates){.acked = INT64_MAX};
    pk_list_init(&gates->waiting);
}

static struct pk_gated nothing(void)
{
    return (struct pk_gated){.out = {.kept = true}, .position = -1};
}

bool pk_gate_copied(const struct pk_gates *gates, int64_t position)
{
    return position <= gates->acked;
}

bool pk_gate_reigns(const struct pk_gates *gates, int64_t now_us)
{
    return now_us < gates->reign_until_us;
}

bool pk_gate_fresh(const struct pk_gates *gates, const struct pk_client *c)
{
    return (int32_t)(gates->answered - c->came) > 0;
}

/* Whether what was written at this position may leave; c: for a client. */
static bool may_leave(struct pk_conns *conns, int64_t position, const struct pk_client *c)
{
    struct pk_gates *gates = conns->gates;
    if (!gates->apply)
        return true;
    if (!pk_gate_copied(gates, position) || !pk_gate_reigns(gates, conns->now_us))
        return false;
    if (c == NULL || pk_gate_fresh(gates, c))
        return true;
    if (!gates->wants_answer || (int32_t)(c->came - gates->wanted) > 0)
        gates->wanted = c->came;
    gates->wants_answer = true;
    return false;
}

static struct pk_gate *gate_new(struct pk_conns *conns, struct pk_uplink *u, bool client)
{
    struct pk_gate *gate = pk_pool_take(&conns->gate_pool);
    if (gate == NULL) {
        pk_conn_close(conns, u, PK_CLOSE_NO_MEMORY);
        return NULL;
    }
    *gate = (struct pk_gate){.u = u, .client = client, .older = nothing(), .newer = nothing()};
    gate->older.since_us = conns->now_us;
    pk_list_add_tail(&conns->gates->waiting, &gate->list);
    conns->gates->nwaiting++;
    return gate;
}

/* The chain behind the gate for what depends on memory as it is now, or on its predecessors alone. */
static struct pk_out *behind(struct pk_conns *conns, struct pk_gate *gate, enum pk_depends on)
{
    int64_t position = conns->gates->position;
    struct pk_gated *newer = &gate->newer, *older = &gate->older;
    bool has_newer = newer->out.bytes > 0;
    if (!has_newer && (on == PK_ON_ORDER || older->out.bytes == 0 || older->position == position)) {
        if (on == PK_ON_MEMORY)
            older->position = position;
        return &older->out;
    }
    if (!has_newer)
        newer->since_us = conns->now_us;
    if (on == PK_ON_MEMORY)
        newer->position = position;
    return &newer->out;
}

static struct pk_out *out_of(struct pk_conns *conns, struct pk_uplink *u, struct pk_gate **gate,
                             struct pk_out *out, enum pk_depends on)
{
    const struct pk_client *c = gate == &u->gate ? NULL : u->client;
    if (on == PK_ON_NOTHING || (*gate == NULL && on == PK_ON_ORDER))
        return out;
    if (*gate == NULL && may_leave(conns, conns->gates->position, c))
        return out;
    if (*gate == NULL)
        *gate = gate_new(conns, u, c != NULL);
    return *gate != NULL ? behind(conns, *gate, on) : &conns->nowhere;
}

struct pk_out *pk_gate_client_out(struct pk_conns *conns, struct pk_client *c, enum pk_depends on)
{
    if (c->state == PK_CLIENT_GONE)
        return &c->out;
    return out_of(conns, &c->up, &c->gate, &c->out, on);
}

struct pk_out *pk_gate_uplink_out(struct pk_conns *conns, struct pk_uplink *u, enum pk_depends on)
{
    return out_of(conns, u, &u->gate, &u->out, on);
}

uint8_t pk_gate_generation(const struct pk_uplink *u, const struct pk_out *out)
{
    if (u->gate == NULL)
        return 0;
    return out == &u->gate->older.out ? 1 : out == &u->gate->newer.out ? 2 : 0;
}

/* The requests of the older generation have left now; those of the newer one are the older one's. */
static void requests_left(const struct pk_conns *conns, struct pk_uplink *u)
{
    for (struct pk_list *at = u->awaited.entries.next; at != &u->awaited.entries; at = at->next) {
        struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, uplink);
        if (e->gated == 0)
            continue;
        e->gated--;
        if (e->gated == 0)
            e->sent_us = u->wrote_us = u->timed_us = conns->now_us;
    }
}

/* Lets the older generation out; false when that takes memory which is short. */
static bool let_out(struct pk_conns *conns, struct pk_gate *gate)
{
    struct pk_out *out = gate->client ? &gate->u->client->out : &gate->u->out;
    pk_histogram_add(&conns->gates->waits, conns->now_us - gate->older.since_us, 1);
    enum pk_err err = pk_out_join(&conns->out, out, &gate->older.out);
    gate->older = gate->newer;
    gate->newer = nothing();
    if (!gate->client)
        requests_left(conns, gate->u);
    pk_conn_changed(conns, gate->u);
    if (err != PK_OK)
        pk_conn_close(conns, gate->u, PK_CLOSE_NO_MEMORY);
    return err == PK_OK;
}

static void try_open(struct pk_conns *conns, struct pk_gate *gate)
{
    const struct pk_client *c = gate->client ? gate->u->client : NULL;
    bool good = true;
    while (good && gate->older.out.bytes > 0 && may_leave(conns, gate->older.position, c))
        good = let_out(conns, gate);
    if (gate->older.out.bytes == 0)
        pk_gate_drop(conns, gate->client ? &gate->u->client->gate : &gate->u->gate);
}

/* What waits was looked at with all that it waits for as it is now. Time alone lets nothing out. */
static bool looked_at(const struct pk_gates *gates)
{
    return gates->looked.apply == gates->apply && gates->looked.acked == gates->acked &&
           gates->looked.reign_until_us == gates->reign_until_us && gates->looked.answered == gates->answered;
}

void pk_gates_open(struct pk_conns *conns)
{
    struct pk_gates *gates = conns->gates;
    if (looked_at(gates))
        return;
    gates->looked.apply = gates->apply;
    gates->looked.acked = gates->acked;
    gates->looked.reign_until_us = gates->reign_until_us;
    gates->looked.answered = gates->answered;
    PK_LIST_EACH(at, tmp, &gates->waiting)
        try_open(conns, PK_CONTAINER(at, struct pk_gate, list));
}

void pk_gate_drop(struct pk_conns *conns, struct pk_gate **gate)
{
    struct pk_gate *g = *gate;
    if (g == NULL)
        return;
    *gate = NULL;
    pk_out_drop(&conns->out, &g->older.out);
    pk_out_drop(&conns->out, &g->newer.out);
    pk_list_del(&g->list);
    conns->gates->nwaiting--;
    pk_pool_put(&conns->gate_pool, g);
}

void pk_client_out_drop(struct pk_conns *conns, struct pk_client *c)
{
    pk_out_drop(&conns->out, &c->out);
    pk_gate_drop(conns, &c->gate);
}

void pk_uplink_out_drop(struct pk_conns *conns, struct pk_uplink *u)
{
    pk_out_drop(&conns->out, &u->out);
    pk_gate_drop(conns, &u->gate);
}
