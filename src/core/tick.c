/*
 * Time in the core.
 *
 * Happy path: a tick looks only at connections that wait for something.
 * Failure modes: an uplink that owes an answer and has said nothing for two thirds of the session timeout is lost; a
 * server that does not answer the connect request is left for another; a tick that is late itself judges nobody.
 */
#include "core/tick.h"

#include "core/held.h"
#include "core/pulse/lane.h"
#include "core/session.h"
#include "core/sync/flush.h"
#include "core/sync/handover.h"
#include "core/sync/promote.h"
#include "core/sync/service.h"

enum {
    CONNECT_LEAST_US = 1000 * 1000,
    CONNECT_MOST_US = 5 * 1000 * 1000,
    LINGER_US = 5 * 1000 * 1000,
    LATE_TICK_US = 1000 * 1000,
    LATE_US = 1000 * 1000,
};

static void check_handshakes(struct core *core)
{
    struct pk_conns *conns = &core->conns;
    PK_LIST_EACH(at, tmp, &conns->handshaking) {
        struct pk_uplink *u = PK_CONTAINER(at, struct pk_uplink, timed);
        if (conns->now_us - u->timed_us < conns->limits.handshake_us)
            break;
        pk_conn_close(conns, u, PK_CLOSE_HANDSHAKE_TIMEOUT);
    }
}

/* How long a server may take for the connect response. The timeout that was asked for may be any number; the service
 * session has no time to lose. */
static int64_t connect_patience(const struct pk_uplink *u)
{
    if (u->client == NULL)
        return CONNECT_LEAST_US;
    int64_t sixth = (int64_t)u->timeout_ms * 1000 / 6;
    return sixth < CONNECT_LEAST_US ? CONNECT_LEAST_US : sixth > CONNECT_MOST_US ? CONNECT_MOST_US : sixth;
}

/* A server that lets others in is slow, and the next would be no quicker. */
static bool is_unanswered(const struct pk_conns *conns, const struct pk_uplink *u)
{
    int64_t let_in_us = conns->let_in_us[u->server];
    int64_t since_us = u->client != NULL && let_in_us > u->timed_us ? let_in_us : u->timed_us;
    return conns->now_us - since_us >= connect_patience(u) || conns->now_us - u->timed_us >= CONNECT_MOST_US;
}

static void check_connecting(struct core *core)
{
    PK_LIST_EACH(at, tmp, &core->conns.connecting) {
        struct pk_uplink *u = PK_CONTAINER(at, struct pk_uplink, timed);
        if (u->client != NULL && u->client->hold != NULL)
            pk_held_unanswered(core, u->client);
        else if (is_unanswered(&core->conns, u))
            pk_session_elsewhere(core, u, PK_CLOSE_CONNECT_UNANSWERED);
    }
}

/* A client is told nothing for two thirds of its timeout after its server's last word, and not longer; who asks late
 * has a little time for the answer. */
static int64_t silent_until_us(const struct pk_uplink *u)
{
    int64_t timeout_us = (int64_t)u->timeout_ms * 1000;
    int64_t most_us = u->heard_us + timeout_us * 2 / 3;
    int64_t least_us = u->timed_us + (timeout_us / 12 < LATE_US ? timeout_us / 12 : LATE_US);
    if (u->client == NULL)
        least_us = u->timed_us + timeout_us * 2 / 3;
    return most_us > least_us ? most_us : least_us;
}

static void check_outstanding(struct core *core)
{
    struct pk_conns *conns = &core->conns;
    PK_LIST_EACH(at, tmp, &conns->outstanding) {
        struct pk_uplink *u = PK_CONTAINER(at, struct pk_uplink, timed);
        if (!pk_awaited_any(&u->awaited)) {
            pk_list_del(&u->timed);
            continue;
        }
        if (conns->now_us > silent_until_us(u))
            pk_conn_close(conns, u, PK_CLOSE_UPLINK_SILENT);
    }
}

static void check_closing(struct core *core)
{
    struct pk_conns *conns = &core->conns;
    PK_LIST_EACH(at, tmp, &conns->closing) {
        struct pk_uplink *u = PK_CONTAINER(at, struct pk_uplink, timed);
        if (conns->now_us - u->timed_us < LINGER_US)
            break;
        if (u->client != NULL)
            pk_client_out_drop(conns, u->client);
        pk_conn_changed(conns, u);
    }
}

void pk_times_up(struct core *core)
{
    int64_t now_us = core->conns.now_us;
    int64_t elapsed = core->ticked_us != 0 ? now_us - core->ticked_us : 0;
    core->ticked_us = now_us;
    pk_window_tick(&core->beat_window, &core->beat_latency, now_us);
    core->sync.service.handed_over = 0;
    pk_flush_due(&core->sync, elapsed, pk_handover_quota(&core->sync));
    pk_writeback_give_up(&core->sync);
    core->stood_us = elapsed > LATE_TICK_US ? now_us - elapsed : 0;
    if (elapsed >
        LATE_TICK_US) /* it is we who slept: what came meanwhile has yet to be read, the next tick judges */
        return;
    if (pk_service_slow(&core->sync))
        pk_session_move_service(core, PK_CLOSE_SERVICE_SLOW);
    pk_promote_tick(&core->sync);
    pk_flush_impatient(&core->sync);
    check_handshakes(core);
    check_connecting(core);
    check_outstanding(core);
    pk_held_tick(core);
    check_closing(core);
    pk_lanes_tick(&core->pacemaker);
    pk_store_age(&core->store, now_us, core->keep_promoted_us);
    pk_cached_age(&core->sync, core->keep_promoted_us);
}
