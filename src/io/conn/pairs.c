/*
 * What the connections of a loop share. Happy path: a pair is found by the slot that the core gave it. Failure modes:
 * the table cannot grow.
 */
#include "io/conn/pairs.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

void pk_pairs_init(struct pk_pairs *conns)
{
    pk_list_init(&conns->pairs);
    pk_list_init(&conns->connecting);
    pk_list_init(&conns->securing);
    pk_list_init(&conns->calling);
    pk_list_init(&conns->answering);
    pk_list_init(&conns->room);
    pk_peers_init(&conns->peers);
    pk_members_init(&conns->members, &conns->loop.uv);
    pk_linkout_init(&conns->linkout, &conns->loop.uv);
    uv_timer_init(&conns->loop.uv, &conns->connect_timer);
    uv_idle_init(&conns->loop.uv, &conns->more);
    conns->connect_timer.data = conns->more.data = conns;
}

void pk_pairs_close(struct pk_pairs *conns)
{
    pk_members_close(&conns->members);
    pk_linkout_close(&conns->linkout);
    uv_close((uv_handle_t *)&conns->connect_timer, NULL);
    uv_close((uv_handle_t *)&conns->more, NULL);
}

void pk_pairs_free(struct pk_pairs *conns)
{
    free(conns->by_slot);
    pk_peers_free(&conns->peers);
    pk_members_free(&conns->members);
}

enum pk_err pk_pairs_put(struct pk_pairs *conns, uint32_t slot, struct pk_pair *pair)
{
    if (slot >= conns->slots) {
        size_t slots = conns->slots == 0 ? FIRST_SLOTS : conns->slots * 2;
        while (slots <= slot)
            slots *= 2;
        struct pk_pair **bigger = realloc(conns->by_slot, slots * sizeof(struct pk_pair *));
        if (bigger == NULL)
            return PK_ENOMEM;
        memset(bigger + conns->slots, 0, (slots - conns->slots) * sizeof(struct pk_pair *));
        conns->by_slot = bigger;
        conns->slots = slots;
    }
    conns->by_slot[slot] = pair;
    return PK_OK;
}
