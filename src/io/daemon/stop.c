/*
 * The end. Happy path: listeners close, what is held is released where that is configured, the core drains, pairs close
 * one by one, then timers, signals and probes, uv_loop_close finds nothing, and the state file is written. Failure
 * modes: a release that takes longer than stop-timeout, or is refused by the ensemble, ends with a count of what is
 * left; clients that do not take their last bytes are cut off after stop-timeout; what hangs in a thread is left behind.
 */
#include "io/daemon/stop.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/conn/pair.h"
#include "io/daemon/signals.h"
#include "io/instances/marker.h"
#include "io/instances/survey.h"
#include "io/loop/loop.h"
#include "io/state/persist.h"
#include "io/upstream/servers.h"

enum { LAST_WAIT_MS = 2500 };

static void abandon_all(struct pk_io *io)
{
    PK_LIST_EACH(node, tmp, &io->pairs) {
        pk_pair_abandon(PK_CONTAINER(node, struct pk_pair, all));
    }
}

static void enter(struct pk_io *io, enum pk_stage stage)
{
    io->stage = stage;
    io->stage_us = io->now_us;
    io->stop_us = io->now_us + io->config->stop_timeout * 1000;
}

static void drain(struct pk_io *io)
{
    enter(io, PK_DRAINING);
    pk_io_step(io, (struct pk_id){UINT32_MAX, 0}, PK_DRAIN, NULL, 0);
    pk_io_pump(io);
    pk_io_maybe_finish(io);
}

static void begin_release(struct pk_io *io)
{
    char limit[PK_VALUE_TEXT];
    enter(io, PK_RELEASING);
    pk_io_step(io, (struct pk_id){UINT32_MAX, 0}, PK_RELEASE, NULL, 0);
    io->released = core_left(io->core);
    pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL,
           "release: %" PRId64 " znodes and refreshes go to the ensemble, within %s", io->released,
           pk_value_show(PK_TYPE_TIME, &io->config->stop_timeout, limit));
    pk_io_pump(io);
}

/* What is still held: on its way, or refused by the ensemble. */
static int64_t still_held(const struct pk_io *io)
{
    struct core_mount_info info;
    int64_t held = 0;
    for (size_t i = 0; core_mount_info(io->core, i, &info); i++)
        held += (int64_t)info.left;
    return held;
}

/* All is released, or the time for it is over. */
static void end_release(struct pk_io *io)
{
    int64_t held = still_held(io), ms = (io->now_us - io->stage_us) / 1000;
    const char *why = core_left(io->core) == 0 ? "the ensemble refuses them" : "stop-timeout is over";
    const char *then = io->config->state_file[0] != '\0' ? "they go to the state file" : "they are lost";
    if (held == 0)
        pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL,
               "release: all of %" PRId64 " done in %" PRId64 " ms", io->released, ms);
    else
        pk_log(&io->log, PK_LOG_WARN, PK_LOG_START, NULL,
               "release: %" PRId64 " of %" PRId64 " are left after %" PRId64 " ms, because %s; %s", held,
               io->released, ms, why, then);
    drain(io);
}

static void begin_stop(struct pk_io *io, const char *why)
{
    pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL, "%s: stops, %zu clients are finished first", why,
           pk_io_clients(io));
    pk_listeners_close(io);
    pk_survey_cancel(io);
    if (io->config->release)
        begin_release(io);
    else
        drain(io);
    pk_stop_tick(io);
}

void pk_stop_request(struct pk_io *io, const char *why)
{
    if (!pk_io_stopping(io)) {
        begin_stop(io, why);
    } else if (io->stage != PK_FINISHING) {
        pk_log(&io->log, PK_LOG_WARN, PK_LOG_START, NULL, "second signal: closes %zu clients at once",
               pk_io_clients(io));
        pk_stop_finish(io);
    }
}

void pk_io_maybe_finish(struct pk_io *io)
{
    bool done = io->npairs == 0 && core_idle(io->core);
    if (io->stage != PK_DRAINING || (!done && io->now_us < io->stop_us))
        return;
    if (pk_io_clients(io) > 0)
        pk_log(&io->log, PK_LOG_WARN, PK_LOG_START, NULL, "%zu clients were not finished in time: closed",
               pk_io_clients(io));
    pk_stop_finish(io);
}

/* Up and refusing everybody is worse than down, which somebody notices. */
static void end_a_circle(struct pk_io *io)
{
    pk_log(&io->log, PK_LOG_ERROR, PK_LOG_START, NULL,
           "the upstream is this very pacekeeper: ends. Name the ensemble's own servers; where storm.yaml "
           "names the "
           "proxy by now, give a copy from before (pacekeeper adopt, key storm-yaml)");
    io->failed = true;
    pk_stop_finish(io);
}

void pk_stop_tick(struct pk_io *io)
{
    if (io->stage == PK_SERVING && pk_upstream_itself(io->upstream)) {
        end_a_circle(io);
        return;
    }
    if (io->stage == PK_RELEASING && (core_left(io->core) == 0 || io->now_us >= io->stop_us))
        end_release(io);
    pk_io_maybe_finish(io);
}

/* Something in a thread does not end: leave it. */
static void last_wait_over(uv_timer_t *timer)
{
    struct pk_io *io = timer->data;
    pk_log(&io->log, PK_LOG_WARN, PK_LOG_START, NULL,
           "a name lookup or a service session does not end: left behind");
    uv_stop(&io->loop);
}

static void close_quietly(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void pk_stop_finish(struct pk_io *io)
{
    enter(io, PK_FINISHING);
    pk_listeners_close(io);
    pk_survey_cancel(io);
    pk_marker_close(io);
    abandon_all(io);
    if (io->upstream != NULL)
        pk_upstream_close(io->upstream);
    uv_timer_stop(&io->connect_timer);
    close_quietly((uv_handle_t *)&io->connect_timer);
    close_quietly((uv_handle_t *)&io->more);
    pk_signals_close(io);
    uv_update_time(&io->loop);
    uv_timer_start(&io->tick, last_wait_over, LAST_WAIT_MS, 0);
    uv_unref((uv_handle_t *)&io->tick);
}

static void free_all(struct pk_io *io)
{
    core_free(io->core);
    if (io->upstream != NULL)
        pk_upstream_free(io->upstream);
    free(io->by_slot);
    free(io->buffer);
    free(io);
}

bool pk_stop_free(struct pk_io *io, bool served)
{
    close_quietly((uv_handle_t *)&io->tick);
    uv_run(&io->loop, UV_RUN_NOWAIT);
    bool empty = uv_loop_close(&io->loop) == 0;
    bool saved = !served || pk_persist_save(io);
    pk_log_flush(&io->log, true);
    pk_log(&io->log, empty ? PK_LOG_INFO : PK_LOG_WARN, PK_LOG_START, NULL, "stopped%s",
           empty ? "" : ", with work left behind");
    if (!empty) /* a thread may still use it all */
        return saved && io->upstream != NULL &&
               (io->upstream->lookups > 0 || io->survey != NULL || io->marker != NULL);
    free_all(io);
    return saved;
}
