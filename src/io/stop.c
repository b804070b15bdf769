/*
 * The end. Happy path: listeners close, the core drains, pairs close one by one, then timers, signals and
 * probes, and uv_loop_close finds nothing. Failure modes: clients that do not take their last bytes are cut
 * off after stop-timeout; a name lookup that hangs in its thread is left behind after a second.
 */
#include "io/stop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "io/pair.h"
#include "io/survey.h"
#include "io/upstream.h"

enum { LAST_WAIT_MS = 2500 };

static void abandon_all(struct pk_io *io)
{
    PK_LIST_EACH(node, tmp, &io->pairs) {
        pk_pair_abandon(PK_CONTAINER(node, struct pk_pair, all));
    }
}

static void begin_stop(struct pk_io *io, const char *why)
{
    io->stopping = true;
    io->stop_us = io->now_us + io->config->stop_timeout * 1000;
    pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL, "%s: stops, %zu clients are finished first", why,
           io->npairs);
    pk_listeners_close(io);
    pk_survey_cancel(io);
    pk_io_step(io, (struct pk_id){UINT32_MAX, 0}, PK_DRAIN, NULL, 0);
    pk_io_pump(io);
    pk_io_maybe_finish(io);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct pk_io *io = handle->data;
    pk_io_clock(io);
    if (number == SIGHUP) {
        pk_log(&io->log, PK_LOG_INFO, PK_LOG_START, NULL,
               "SIGHUP: reloading is not supported yet; restart instead");
    } else if (!io->stopping) {
        begin_stop(io, number == SIGTERM ? "SIGTERM" : "SIGINT");
    } else if (!io->finishing) {
        pk_log(&io->log, PK_LOG_WARN, PK_LOG_START, NULL, "second signal: closes %zu clients at once",
               io->npairs);
        io->stop_us = io->now_us;
        pk_io_maybe_finish(io);
    }
}

void pk_stop_signals(struct pk_io *io)
{
    struct {
        uv_signal_t *handle;
        int number;
    } all[] = {{&io->terminate, SIGTERM}, {&io->interrupt, SIGINT}, {&io->hangup, SIGHUP}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uv_signal_init(&io->loop, all[i].handle);
        all[i].handle->data = io;
        uv_signal_start(all[i].handle, on_signal, all[i].number);
    }
}

void pk_io_maybe_finish(struct pk_io *io)
{
    if (!io->stopping || io->finishing)
        return;
    if (io->npairs > 0 && io->now_us < io->stop_us)
        return;
    if (io->npairs > 0)
        pk_log(&io->log, PK_LOG_WARN, PK_LOG_START, NULL, "%zu clients were not finished in time: closed",
               io->npairs);
    pk_stop_finish(io);
}

/* Something in a thread does not end: leave it. */
static void last_wait_over(uv_timer_t *timer)
{
    struct pk_io *io = timer->data;
    pk_log(&io->log, PK_LOG_WARN, PK_LOG_START, NULL,
           "a name lookup or the survey does not end: left behind");
    uv_stop(&io->loop);
}

static void close_quietly(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void pk_stop_finish(struct pk_io *io)
{
    io->stopping = io->finishing = true;
    pk_listeners_close(io);
    pk_survey_cancel(io);
    abandon_all(io);
    if (io->upstream != NULL)
        pk_upstream_close(io->upstream);
    uv_timer_stop(&io->connect_timer);
    close_quietly((uv_handle_t *)&io->connect_timer);
    close_quietly((uv_handle_t *)&io->more);
    close_quietly((uv_handle_t *)&io->terminate);
    close_quietly((uv_handle_t *)&io->interrupt);
    close_quietly((uv_handle_t *)&io->hangup);
    uv_update_time(&io->loop);
    uv_timer_start(&io->tick, last_wait_over, LAST_WAIT_MS, 0);
    uv_unref((uv_handle_t *)&io->tick);
}

bool pk_stop_free(struct pk_io *io)
{
    close_quietly((uv_handle_t *)&io->tick);
    uv_run(&io->loop, UV_RUN_NOWAIT);
    bool empty = uv_loop_close(&io->loop) == 0;
    pk_log_flush(&io->log, true);
    pk_log(&io->log, empty ? PK_LOG_INFO : PK_LOG_WARN, PK_LOG_START, NULL, "stopped%s",
           empty ? "" : ", with work left behind");
    if (!empty)
        return io->upstream != NULL && (io->upstream->lookups > 0 || io->survey != NULL);
    core_free(io->core);
    if (io->upstream != NULL)
        pk_upstream_free(io->upstream);
    free(io->by_slot);
    free(io->buffer);
    free(io);
    return true;
}
