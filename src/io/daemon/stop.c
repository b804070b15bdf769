/*
 * The end. Happy path: listeners close, what is held is released where that is configured, a mount that a reload has
 * taken away is handed over to its end, the core drains, pairs close one by one, then timers, signals and probes,
 * uv_loop_close finds nothing, and the state file is written. Failure modes: a release that takes longer than
 * stop-timeout, or is refused by the ensemble, ends with a count of what is left; clients that do not take their last
 * bytes are cut off after stop-timeout; a name lookup that hangs is left to its thread.
 */
#include "io/daemon/stop.h"

#include <inttypes.h>
#include <stdlib.h>

#include "io/config/config.h"
#include "io/config/group.h"
#include "io/conn/pair.h"
#include "io/conn/pump.h"
#include "io/daemon/daemon.h"
#include "io/daemon/signals.h"
#include "io/http/server.h"
#include "io/instances/census.h"
#include "io/instances/marker.h"
#include "io/instances/survey.h"
#include "io/loop/move.h"
#include "io/state/persist.h"
#include "io/upstream/upstream.h"

enum { LAST_WAIT_MS = 2500, HANDING_US = 2000000 };

static const uint8_t edges[] = {
    [PK_SERVING] = PK_TO(PK_HANDING) | PK_TO(PK_RELEASING) | PK_TO(PK_DRAINING) | PK_TO(PK_FINISHING),
    [PK_HANDING] = PK_TO(PK_RELEASING) | PK_TO(PK_DRAINING) | PK_TO(PK_FINISHING),
    [PK_RELEASING] = PK_TO(PK_DRAINING) | PK_TO(PK_FINISHING),
    [PK_DRAINING] = PK_TO(PK_FINISHING),
    [PK_FINISHING] = 0,
};

static void enter(struct pk_daemon *daemon, enum pk_daemon_stage stage)
{
    daemon->stage = pk_move("the daemon", edges, daemon->stage, stage);
    daemon->stage_us = daemon->conns.loop.now_us;
    daemon->stop_us = daemon->stage_us + daemon->config->stop_timeout * 1000;
}

static void maybe_finish(struct pk_daemon *daemon)
{
    const struct pk_pairs *conns = &daemon->conns;
    bool done = conns->npairs == 0 && core_idle(conns->loop.core);
    if (daemon->stage != PK_DRAINING || (!done && conns->loop.now_us < daemon->stop_us))
        return;
    if (pk_pairs_clients(conns) > 0)
        pk_log(&daemon->log, PK_LOG_WARN, PK_LOG_START, NULL, "%zu clients were not finished in time: closed",
               pk_pairs_clients(conns));
    pk_stop_finish(daemon);
}

static void end_handover(struct pk_daemon *daemon);

static void look(uv_prepare_t *handle)
{
    struct pk_daemon *daemon = handle->data;
    if (daemon->stage == PK_HANDING)
        end_handover(daemon);
    maybe_finish(daemon);
}

static void drain(struct pk_daemon *daemon)
{
    enter(daemon, PK_DRAINING);
    uv_prepare_start(&daemon->drained, look);
    pk_loop_tell(&daemon->conns.loop, PK_DRAIN);
    pk_pump(&daemon->conns);
}

/* For the log: all that is held goes, or what a reload has sent on its way. */
static const char *what_goes(const struct pk_daemon *daemon)
{
    return daemon->config->release ? "release" : "handover";
}

static void begin_release(struct pk_daemon *daemon)
{
    char limit[PK_VALUE_TEXT];
    struct pk_loop *loop = &daemon->conns.loop;
    enter(daemon, PK_RELEASING);
    pk_loop_tell(loop, daemon->config->release ? PK_RELEASE : PK_HASTEN);
    daemon->released = core_left(loop->core);
    pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL,
           "%s: %" PRId64 " znodes and refreshes go to the ensemble, within %s", what_goes(daemon),
           daemon->released, pk_value_show(PK_TYPE_TIME, &daemon->config->stop_timeout, limit));
    pk_pump(&daemon->conns);
}

/* What is still held: on its way, or refused by the ensemble. */
static int64_t still_held(const struct core *core)
{
    struct core_mount_info info;
    int64_t held = 0;
    for (size_t i = 0; core_mount_info(core, i, &info); i++)
        held += (int64_t)info.left;
    return held;
}

/* All is released, or the time for it is over. */
static void end_release(struct pk_daemon *daemon)
{
    struct pk_loop *loop = &daemon->conns.loop;
    int64_t held = still_held(loop->core), ms = (loop->now_us - daemon->stage_us) / 1000;
    const char *why = core_left(loop->core) == 0 ? "the ensemble refuses them" : "stop-timeout is over";
    const char *then = daemon->config->state_file[0] != '\0'
                           ? "they go to the state file, for a start that names their mount"
                           : "they are lost";
    if (held == 0)
        pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "%s: all of %" PRId64 " done in %" PRId64 " ms",
               what_goes(daemon), daemon->released, ms);
    else
        pk_log(&daemon->log, PK_LOG_WARN, PK_LOG_START, NULL,
               "%s: %" PRId64 " of %" PRId64 " are left after %" PRId64 " ms, because %s; %s",
               what_goes(daemon), held, daemon->released, ms, why, then);
    drain(daemon);
}

/* Those who are here are finished, and what is held goes where it is configured to go. */
static void go_on(struct pk_daemon *daemon)
{
    bool leaves = daemon->config->release || core_left(daemon->conns.loop.core) > 0;
    if (leaves && !daemon->taken_over)
        begin_release(daemon);
    else
        drain(daemon);
}

/* Whoever has a whole copy is primary next. A standby has nothing that could be lost. */
static void hand_over(struct pk_daemon *daemon)
{
    struct core_group_info info = {.role = PK_ROLE_LEFT};
    bool known = core_group_info(daemon->conns.loop.core, &info);
    daemon->taken_over = !known || info.role != PK_ROLE_PRIMARY || info.copies > 0;
    enter(daemon, PK_HANDING);
    uv_prepare_start(&daemon->drained, look);
    daemon->stop_us = daemon->stage_us + HANDING_US;
    pk_loop_tell(&daemon->conns.loop, PK_HANDOVER);
    pk_pump(&daemon->conns);
}

static void end_handover(struct pk_daemon *daemon)
{
    const struct pk_loop *loop = &daemon->conns.loop;
    struct core_group_info info = {.role = PK_ROLE_PRIMARY};
    bool done = core_handed_over(loop->core);
    if (!done && loop->now_us < daemon->stop_us)
        return;
    (void)core_group_info(loop->core, &info);
    daemon->taken_over = daemon->taken_over || info.role != PK_ROLE_PRIMARY;
    if (!done)
        pk_log(
            &daemon->log, PK_LOG_WARN, PK_LOG_MEMBER, NULL,
            "handover: not all was acknowledged within 2 s; another member takes over when our session has "
            "ended");
    go_on(daemon);
}

static void begin_stop(struct pk_daemon *daemon, const char *why)
{
    pk_log(&daemon->log, PK_LOG_INFO, PK_LOG_START, NULL, "%s: stops, %zu clients are finished first", why,
           pk_pairs_clients(&daemon->conns));
    pk_notify_send(&daemon->notify, "STOPPING=1\nSTATUS=stops, %zu clients are finished first",
                   pk_pairs_clients(&daemon->conns));
    pk_listeners_close(&daemon->listeners);
    pk_survey_cancel(daemon->survey);
    pk_census_close(daemon->census);
    if (pk_group_configured(daemon->config))
        hand_over(daemon);
    else
        go_on(daemon);
    pk_stop_tick(daemon);
}

void pk_stop_request(struct pk_daemon *daemon, const char *why)
{
    if (!pk_daemon_stopping(daemon)) {
        begin_stop(daemon, why);
    } else if (daemon->stage != PK_FINISHING) {
        pk_log(&daemon->log, PK_LOG_WARN, PK_LOG_START, NULL, "second signal: closes %zu clients at once",
               pk_pairs_clients(&daemon->conns));
        pk_stop_finish(daemon);
    }
}

/* Up and refusing everybody is worse than down, which somebody notices. */
static void end_a_circle(struct pk_daemon *daemon)
{
    pk_log(&daemon->log, PK_LOG_ERROR, PK_LOG_START, NULL,
           "the upstream is this very pacekeeper: ends. Name the ensemble's own servers; where storm.yaml "
           "names the proxy by now, give a copy from before (pacekeeper adopt, key storm-yaml)");
    daemon->failed = true;
    pk_stop_finish(daemon);
}

void pk_stop_tick(struct pk_daemon *daemon)
{
    const struct pk_loop *loop = &daemon->conns.loop;
    if (daemon->stage == PK_SERVING && pk_upstream_itself(daemon->conns.upstream)) {
        end_a_circle(daemon);
        return;
    }
    if (daemon->stage == PK_HANDING)
        end_handover(daemon);
    if (daemon->stage == PK_RELEASING && (core_left(loop->core) == 0 || loop->now_us >= daemon->stop_us))
        end_release(daemon);
    maybe_finish(daemon);
}

/* No handle takes that long to close. */
static void last_wait_over(uv_timer_t *timer)
{
    struct pk_daemon *daemon = timer->data;
    pk_log(&daemon->log, PK_LOG_WARN, PK_LOG_START, NULL, "the loop does not end: left behind");
    uv_stop(&daemon->conns.loop.uv);
}

void pk_stop_finish(struct pk_daemon *daemon)
{
    struct pk_pairs *conns = &daemon->conns;
    enter(daemon, PK_FINISHING);
    pk_listeners_close(&daemon->listeners);
    pk_survey_cancel(daemon->survey);
    pk_census_close(daemon->census);
    pk_marker_close(daemon->marker);
    pk_http_close(daemon->admin.http);
    pk_pairs_close(conns);
    pk_pairs_abandon(conns);
    if (conns->upstream != NULL)
        pk_upstream_close(conns->upstream);
    uv_close((uv_handle_t *)&daemon->drained, NULL);
    uv_close((uv_handle_t *)&daemon->group_tick, NULL);
    pk_signals_close(daemon);
    uv_update_time(&conns->loop.uv);
    uv_timer_start(&daemon->tick, last_wait_over, LAST_WAIT_MS, 0);
    uv_unref((uv_handle_t *)&daemon->tick);
}

bool pk_stop_free(struct pk_daemon *daemon, bool served)
{
    uv_loop_t *uv = &daemon->conns.loop.uv;
    uv_close((uv_handle_t *)&daemon->tick, NULL);
    uv_run(uv, UV_RUN_NOWAIT);
    bool empty = uv_loop_close(uv) == 0;
    bool saved = !served || pk_group_configured(daemon->config) || pk_persist_save(&daemon->conns.loop);
    pk_log_flush(&daemon->log, true);
    pk_log(&daemon->log, empty ? PK_LOG_INFO : PK_LOG_WARN, PK_LOG_START, NULL, "stopped%s",
           empty ? "" : ", with work left behind");
    if (!empty) /* it may still be used */
        return false;
    pk_daemon_free(daemon);
    free(daemon);
    return saved;
}
