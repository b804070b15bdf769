/*
 * Time in the core.
 *
 * Happy path: a comparison per absorbed request; a tick looks only at connections that wait for something.
 * Failure modes: an uplink that owes an answer and has said nothing for two thirds of the session timeout is
 * lost; a server that does not answer the connect request is left for another.
 */
#include "core/keepalive.h"

#include "core/flush.h"
#include "core/service.h"
#include "core/session.h"

enum {
    CONNECT_LEAST_US = 1000 * 1000,
    LINGER_US = 5 * 1000 * 1000,
    LATE_TICK_US = 1000 * 1000,
    KEEP_PROMOTED_US = 60 * 1000 * 1000,
};

/* Validates the cached znode of each write permit in turn; false when there is none, or a look at it is under way. */
static bool look_at_next(struct core *core, struct pk_conn *c)
{
    if (pk_list_empty(&c->permits))
        return false;
    struct pk_permit *g = PK_CONTAINER(c->permits.next, struct pk_permit, of_conn);
    pk_list_del(&g->of_conn);
    pk_list_add_tail(&c->permits, &g->of_conn);
    return pk_flush_look(core, c, g->cached, false);
}

void pk_keepalive(struct core *core, struct pk_conn *c)
{
    if (c->uplink != PK_UPLINK_UP || c->closing || c->queue.npings == PK_PINGS_MAX)
        return;
    if (core->now_us - c->uplink_wrote_us <= (int64_t)c->timeout_ms * 1000 / 6)
        return;
    core->stats.keepalives++;
    if (!look_at_next(core, c))
        pk_send_ping(core, c);
}

static void check_handshakes(struct core *core)
{
    PK_LIST_EACH(at, tmp, &core->handshaking) {
        struct pk_conn *c = PK_CONTAINER(at, struct pk_conn, timed);
        if (core->now_us - c->timed_us < core->config.handshake_us)
            break;
        pk_conn_close(core, c, PK_CLOSE_HANDSHAKE_TIMEOUT);
    }
}

static void check_connecting(struct core *core)
{
    PK_LIST_EACH(at, tmp, &core->connect_request) {
        struct pk_conn *c = PK_CONTAINER(at, struct pk_conn, timed);
        int64_t patience = (int64_t)c->timeout_ms * 1000 / 6;
        if (core->now_us - c->timed_us >= (patience > CONNECT_LEAST_US ? patience : CONNECT_LEAST_US))
            pk_session_elsewhere(core, c, PK_CLOSE_CONNECT_UNANSWERED);
    }
}

static void check_outstanding(struct core *core)
{
    PK_LIST_EACH(at, tmp, &core->outstanding) {
        struct pk_conn *c = PK_CONTAINER(at, struct pk_conn, timed);
        if (!pk_queue_outstanding(&c->queue)) {
            pk_list_del(&c->timed);
            continue;
        }
        int64_t since = c->uplink_heard_us > c->timed_us ? c->uplink_heard_us : c->timed_us;
        if (core->now_us - since > (int64_t)c->timeout_ms * 1000 * 2 / 3)
            pk_conn_close(core, c, PK_CLOSE_UPLINK_SILENT);
    }
}

static void check_lasting(struct core *core)
{
    PK_LIST_EACH(at, tmp, &core->lasting) {
        struct pk_conn *c = PK_CONTAINER(at, struct pk_conn, timed);
        if (core->now_us - c->timed_us < LINGER_US)
            break;
        pk_out_drop(&core->out, &c->client_out);
        pk_conn_changed(core, c);
    }
}

void pk_times_up(struct core *core)
{
    int64_t elapsed = core->ticked_us != 0 ? core->now_us - core->ticked_us : 0;
    bool late = elapsed > LATE_TICK_US;
    core->ticked_us = core->now_us;
    core->handed = 0;
    pk_flush_due(core, elapsed);
    pk_service_tick(core);
    if (late) /* it is we who slept: what came meanwhile has yet to be read, the next tick judges */
        return;
    check_handshakes(core);
    check_connecting(core);
    check_outstanding(core);
    check_lasting(core);
    int64_t keep = core->config.keep_promoted_us;
    keep = keep > 0 ? keep : KEEP_PROMOTED_US;
    pk_store_age(&core->store, core->now_us, keep);
    pk_cached_age(core, keep);
}
