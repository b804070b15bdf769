/*
 * The end of connections.
 *
 * Happy path: a client that left is marked; at the end of the step its queue, watches, permits and uplink go, in this
 * order, and core_next tells the driver.
 * Failure modes: replies that are already written are still flushed to a client that is there, for a while
 * (conns.closing); those who waited for this connection's promotions and flushes are woken.
 */
#include "core/end.h"

#include "core/conn/hold.h"
#include "core/group.h"
#include "core/peer/copies.h"
#include "core/pulse/job.h"
#include "core/pulse/lane.h"
#include "core/pulse/login.h"
#include "core/serve/answer.h"
#include "core/serve/pending.h"
#include "core/serve/watch_parts.h"
#include "core/sync/promote.h"
#include "core/sync/service.h"
#include "core/sync/writeback.h"

/* What became of a client whose server was lost, or may have been. */
static void count_held(struct core_stats *stats, const struct pk_uplink *u)
{
    const struct pk_hold *h = u->client != NULL ? u->client->hold : NULL;
    switch ((enum pk_close)u->why) {
    case PK_CLOSE_HOLD_DEADLINE:
        stats->held_deadline++;
        break;
    case PK_CLOSE_NOT_HELD_WRITE:
        stats->held_write++;
        break;
    case PK_CLOSE_NOT_HELD_SASL:
        stats->held_sasl++;
        break;
    case PK_CLOSE_NOT_HELD_READ_ONLY:
        stats->held_read_only++;
        break;
    case PK_CLOSE_NOT_HELD_LASTING:
        stats->held_lasting++;
        break;
    case PK_CLOSE_NOT_HELD_WATCHES:
        stats->held_watches++;
        break;
    case PK_CLOSE_HOLD_TIMEOUT:
        stats->held_timeout++;
        break;
    case PK_CLOSE_NOT_HELD_PART:
    case PK_CLOSE_NOT_HELD_UNKNOWN:
    case PK_CLOSE_HOLD_AUTH:
        stats->held_other++;
        break;
    case PK_CLOSE_SESSION_INVALID:
        stats->held_expired += h != NULL;
        break;
    case PK_CLOSE_UPLINK_LOST:
        stats->held_let_go += h != NULL && h->state == PK_HOLD_DOUBTED;
        break;
    default:
        break;
    }
}

static void count_close(struct core_stats *stats, enum pk_close why)
{
    switch (why) {
    case PK_CLOSE_MALFORMED_LENGTH:
    case PK_CLOSE_TLS_AT_PLAIN_PORT:
    case PK_CLOSE_PROXY_HEADER:
    case PK_CLOSE_MALFORMED_REQUEST:
    case PK_CLOSE_MALFORMED_CONNECT:
    case PK_CLOSE_MALFORMED_MESSAGE:
        stats->closed_malformed++;
        break;
    case PK_CLOSE_UPLINK_LOST:
    case PK_CLOSE_UPLINK_SILENT:
    case PK_CLOSE_UPLINK_CLOSED_AT_ONCE:
    case PK_CLOSE_CONNECT_UNANSWERED:
    case PK_CLOSE_NO_UPSTREAM:
    case PK_CLOSE_MALFORMED_UPSTREAM:
    case PK_CLOSE_UNEXPECTED_REPLY:
    case PK_CLOSE_HOLD_DEADLINE:
    case PK_CLOSE_HOLD_TIMEOUT:
    case PK_CLOSE_HOLD_AUTH:
    case PK_CLOSE_NOT_HELD_WRITE:
    case PK_CLOSE_NOT_HELD_PART:
    case PK_CLOSE_NOT_HELD_SASL:
    case PK_CLOSE_NOT_HELD_READ_ONLY:
    case PK_CLOSE_NOT_HELD_LASTING:
    case PK_CLOSE_NOT_HELD_WATCHES:
    case PK_CLOSE_NOT_HELD_UNKNOWN:
    case PK_CLOSE_UNDECIDED:
        stats->closed_uplink++;
        break;
    case PK_CLOSE_HANDSHAKE_TIMEOUT:
        stats->closed_handshake++;
        break;
    case PK_CLOSE_NO_MEMORY:
        stats->closed_memory++;
        break;
    case PK_CLOSE_FENCED:
        stats->fenced++;
        break;
    default:
        break;
    }
}

/* What is awaited, and what is being promoted here, will not be answered. */
static void end_uplink(struct core *core, struct pk_uplink *u)
{
    PK_LIST_EACH(at, tmp, &u->awaited.entries)
        pk_answer_lost(&core->sync, u, PK_CONTAINER(at, struct pk_entry, uplink));
    pk_awaited_init(&u->awaited);
    pk_promote_left(&core->sync, u);
    pk_blob_unref(core->mem, u->in.frame);
    u->in = (struct pk_incoming){0};
    pk_uplink_out_drop(&core->conns, u);
    u->waits_way = false;
    if (u->state == PK_UPLINK_HANDSHAKE || u->state == PK_UPLINK_UP)
        core->stats.uplinks--;
    if (u->state != PK_UPLINK_NONE && u->state != PK_UPLINK_LOST)
        u->want_close = true;
    u->want_open = false;
    if (u->state != PK_UPLINK_LOST)
        pk_uplink_move(u, PK_UPLINK_LOST);
}

static void leave_session(struct core *core, struct pk_uplink *u)
{
    if (u->session_id == 0)
        return;
    core->stats.sessions--;
    pk_map_del(&core->conns.sessions, &u->by_session);
    u->session_id = 0;
}

/* The client's own: the answers that it was owed, its request, watches, permits and session. */
static void end_client(struct core *core, struct pk_client *c)
{
    bool gone = c->state == PK_CLIENT_GONE;
    if (c->link != NULL)
        pk_copies_link_ended(core->member, c->link);
    c->link = NULL;
    pk_client_move(c, PK_CLIENT_LAST);
    PK_LIST_EACH(at, tmp, &c->queue.entries)
        pk_answer_lost(&core->sync, &c->up, PK_CONTAINER(at, struct pk_entry, client));
    pk_pending_drop(&core->sync, c);
    pk_watch_parts_drop(&core->sync, c);
    pk_job_disown(c);
    pk_login_forget(core->mem, c);
    pk_lane_ends(&core->pacemaker, c);
    pk_list_del(&c->answer_wait.list);
    pk_watches_end(&core->store, &c->watcher);
    pk_standing_end(&core->conns.paths, &c->standing);
    pk_hold_drop(&core->conns, c);
    pk_hold_wipe(&core->conns, c);
    pk_writeback_client_ends(&core->sync, c);
    leave_session(core, &c->up);
    if (pk_group_forbids(&c->up)) /* what waits at the gate is not ours to say any more */
        pk_gate_drop(&core->conns, &c->gate);
    if (gone || c->up.why == PK_CLOSE_FOUR_LETTER)
        pk_client_out_drop(&core->conns, c);
}

static void tear_down(struct core *core, struct pk_uplink *u)
{
    u->ending = false;
    count_close(&core->stats, (enum pk_close)u->why);
    count_held(&core->stats, u);
    if (u->client != NULL)
        end_client(core, u->client);
    end_uplink(core, u);
    if (u->group)
        pk_group_uplink_ended(core, u);
    else if (u->client == NULL)
        pk_service_ended(&core->sync, u);
    pk_list_del(&u->timed);
    u->timed_us = core->conns.now_us;
    pk_list_add_tail(&core->conns.closing, &u->timed);
    pk_conn_changed(&core->conns, u);
}

void pk_end_all_marked(struct core *core)
{
    while (!pk_list_empty(&core->conns.ending)) {
        struct pk_uplink *u = PK_CONTAINER(core->conns.ending.next, struct pk_uplink, runnable);
        pk_list_del(&u->runnable);
        tear_down(core, u);
    }
}

void pk_end_free(struct core *core, struct pk_uplink *u)
{
    pk_conn_close(&core->conns, u, PK_CLOSE_CLIENT_LEFT);
    pk_end_marked(core);
    pk_conn_free(&core->conns, u);
}
