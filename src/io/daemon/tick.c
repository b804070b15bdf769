/*
 * The tick. Every 250 ms the core, the servers, the log and the waits of pairs hear that time has passed; a member of a
 * group, whose heartbeats are closer than that, and those who open connections at its port or ours, every 50 ms.
 */
#include "io/daemon/tick.h"

#include "io/config/group.h"
#include "io/conn/dial.h"
#include "io/conn/leave.h"
#include "io/conn/pair.h"
#include "io/conn/pump.h"
#include "io/daemon/daemon.h"
#include "io/daemon/figures.h"
#include "io/daemon/handover.h"
#include "io/daemon/operate.h"
#include "io/daemon/stop.h"
#include "io/instances/marker.h"
#include "io/instances/survey.h"
#include "io/upstream/upstream.h"

enum { TICK_MS = 250, GROUP_TICK_MS = 50 };

static void on_tick(uv_timer_t *timer)
{
    struct pk_daemon *daemon = timer->data;
    struct pk_pairs *conns = &daemon->conns;
    pk_loop_clock(&conns->loop);
    pk_admin_tick(&daemon->admin, TICK_MS * 1000);
    pk_loop_tell(&conns->loop, PK_TICK);
    pk_upstream_tick(conns->upstream);
    pk_pairs_leave(conns);
    pk_dial_timeouts(conns);
    pk_pairs_timeouts(conns);
    pk_holds_tick(&conns->holds, &conns->loop);
    if (!pk_daemon_stopping(daemon)) {
        pk_survey_tick(daemon->survey, conns->upstream);
        pk_marker_tick(daemon->marker, conns->upstream);
    }
    pk_handover_tick(daemon);
    pk_operate_tick(daemon);
    pk_figures_tick(daemon);
    pk_log_flush(&daemon->log, false);
    pk_listeners_resume(&daemon->listeners);
    pk_pump(conns);
    pk_stop_tick(daemon);
}

static void on_group_tick(uv_timer_t *timer)
{
    struct pk_daemon *daemon = timer->data;
    struct pk_pairs *conns = &daemon->conns;
    pk_loop_clock(&conns->loop);
    pk_loop_tell(&conns->loop, PK_TICK);
    pk_dial_timeouts(conns);
    pk_guests_tick(&daemon->listeners.guests);
    pk_pump(conns);
    pk_stop_tick(daemon);
}

void pk_tick_start(struct pk_daemon *daemon)
{
    uv_timer_start(&daemon->tick, on_tick, TICK_MS, TICK_MS);
    if (pk_group_configured(daemon->config))
        uv_timer_start(&daemon->group_tick, on_group_tick, GROUP_TICK_MS, GROUP_TICK_MS);
}
