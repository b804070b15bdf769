/*
 * The end of connections.
 *
 * Happy path: a client that left is marked; at the end of the step its queue, watches, permits and uplink go, in this
 * order, and core_next tells the driver.
 * Failure modes: replies that are already written are still flushed to a client that is there, for a while
 * (core.lasting); those who waited for this connection's promotions and flushes are woken.
 */
#include "core/end.h"

#include "core/cached.h"
#include "core/intent.h"
#include "core/precheck.h"
#include "core/promote.h"
#include "core/relay.h"
#include "core/service.h"

/* What is awaited, asked and promoted on the connection's behalf will not be answered. */
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

static void tear_down(struct core *core, struct pk_conn *c)
{
    bool gone = c->client == PK_CLIENT_GONE;
    c->ending = false;
    c->client = PK_CLIENT_LAST;
    count_close(core, c->why);
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
    if (gone || c->why == PK_CLOSE_FOUR_LETTER)
        pk_out_drop(&core->out, &c->client_out);
    pk_list_del(&c->waiting);
    pk_list_del(&c->timed);
    c->timed_us = core->now_us;
    pk_list_add_tail(&core->lasting, &c->timed);
    pk_conn_changed(core, c);
    if (c->own)
        pk_service_closed(core, c);
}

void pk_end_marked(struct core *core)
{
    while (!pk_list_empty(&core->ending)) {
        struct pk_conn *c = PK_CONTAINER(core->ending.next, struct pk_conn, runnable);
        pk_list_del(&c->runnable);
        tear_down(core, c);
    }
}

void pk_end_free(struct core *core, struct pk_conn *c)
{
    pk_conn_close(core, c, PK_CLOSE_CLIENT_LEFT);
    pk_end_marked(core);
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
