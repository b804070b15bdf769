/*
 * The pump. Happy path: after every event the core's updates are carried out until none is left, and the log hears
 * what the core noted. Failure modes: a budget ran out; an idle handle comes back after other connections had their
 * turn.
 */
#include "io/conn/pump.h"

#include "io/conn/pair.h"
#include "io/conn/pairlog.h"
#include "io/conn/pairs.h"

static struct pk_pair *find(struct pk_pairs *conns, struct pk_id id)
{
    struct pk_pair *pair = id.slot < conns->slots ? conns->by_slot[id.slot] : NULL;
    return pair != NULL && pair->id.gen == id.gen ? pair : NULL;
}

static void say_log_events(struct pk_pairs *conns)
{
    struct core_log_event event;
    while (core_take_log_event(conns->loop.core, &event)) {
        char text[PK_ADDRESS_TEXT];
        struct core_conn_info info = {0};
        struct pk_pair *pair = find(conns, event.id);
        struct pk_log_who who = {0, pair != NULL ? pk_pair_name(pair, text) : NULL};
        if (core_conn_info(conns->loop.core, event.id, &info))
            who.session = info.session_id;
        pk_log_event(conns->loop.log, &who, &event);
    }
}

static void go_on(uv_idle_t *idle)
{
    struct pk_pairs *conns = idle->data;
    pk_loop_clock(&conns->loop);
    pk_loop_tell(&conns->loop, PK_CONTINUE);
    pk_pump(conns);
}

/* What the core wanted written was kept there: it says it again, and it is all of it. */
static void links_leave(struct pk_linkout *out)
{
    struct pk_pairs *conns = PK_CONTAINER(out, struct pk_pairs, linkout);
    pk_loop_clock(&conns->loop);
    PK_LIST_EACH(node, tmp, &out->waiting) {
        struct pk_pair *pair = PK_CONTAINER(node, struct pk_pair, wait.list);
        pk_list_del(node);
        pk_loop_step(&conns->loop, pair->id, PK_CLIENT_SENT, NULL, 0);
    }
    pk_pump(conns);
}

bool pk_pump_later(struct pk_pair *pair)
{
    struct pk_linkout *out = &pair->conns->linkout;
    if (out->leaves || pk_pairs_closing(pair->conns))
        return false;
    pk_linkout_wait(out, &pair->wait.list, links_leave);
    return true;
}

void pk_pump(struct pk_pairs *conns)
{
    struct pk_id id;
    struct pk_update update;
    while (core_next(conns->loop.core, &id, &update)) {
        struct pk_pair *pair = find(conns, id);
        if (pair == NULL && update.service)
            pair = pk_pair_service(conns, id);
        if (pair != NULL)
            pk_pair_update(pair, &update);
    }
    say_log_events(conns);
    if (pk_pairs_closing(conns))
        return;
    if (core_pending(conns->loop.core))
        uv_idle_start(&conns->more, go_on);
    else
        uv_idle_stop(&conns->more);
}
