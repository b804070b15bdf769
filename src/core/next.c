/*
 * The seam's updates.
 *
 * Happy path: core_next hands out each connection that changed once. Failure modes: what a driver did not report as
 * sent before it asks for the next update is copied, so a forgetful driver costs speed, not memory safety.
 */
#include "core/core.h"

#include <string.h>

#include "core/client.h"
#include "core/conn/hold.h"
#include "core/end.h"
#include "core/pulse/login.h"
#include "core/serve/token.h"
#include "core/uplink.h"

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
