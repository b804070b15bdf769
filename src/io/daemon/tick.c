/*
 * The pump and the tick. Happy path: after every event the core's updates are carried out until none is left;
 * if a budget ran out, an idle handle comes back after other connections had their turn. Every 250 ms the
 * core, the servers, the log and the waits of pairs hear that time has passed.
 */
#include "io/daemon/tick.h"

#include <time.h>

#include "io/conn/pair.h"
#include "io/daemon/handover.h"
#include "io/daemon/stop.h"
#include "io/instances/marker.h"
#include "io/instances/survey.h"
#include "io/loop/loop.h"
#include "io/upstream/servers.h"

void pk_io_clock(struct pk_io *io)
{
    struct timespec wall;
    /* The coarse clock is as exact as a znode's times need. */
    clock_gettime(CLOCK_REALTIME_COARSE, &wall);
    io->wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
    io->now_us = (int64_t)(uv_hrtime() / 1000);
}

void pk_io_step(struct pk_io *io, struct pk_id id, enum pk_event_type type, const void *bytes, size_t len)
{
    struct pk_event event = {
        .type = type, .bytes = bytes, .len = len, .now_us = io->now_us, .wall_ms = io->wall_ms};
    core_step(io->core, id, &event);
}

static struct pk_pair *find(struct pk_io *io, struct pk_id id)
{
    struct pk_pair *pair = id.slot < io->slots ? io->by_slot[id.slot] : NULL;
    return pair != NULL && pair->id.gen == id.gen ? pair : NULL;
}

static void say_log_events(struct pk_io *io)
{
    struct core_log_event note;
    while (core_take_log_event(io->core, &note)) {
        char text[PK_ADDRESS_TEXT];
        struct core_conn_info info = {0};
        struct pk_pair *pair = find(io, note.id);
        struct pk_log_who who = {0, pair != NULL ? pk_pair_name(pair, text) : NULL};
        if (core_conn_info(io->core, note.id, &info))
            who.session = info.session_id;
        pk_log_event(&io->log, &who, &note);
    }
}

static void go_on(uv_idle_t *idle)
{
    struct pk_io *io = idle->data;
    pk_io_clock(io);
    pk_io_step(io, (struct pk_id){UINT32_MAX, 0}, PK_CONTINUE, NULL, 0);
    pk_io_pump(io);
}

void pk_io_pump(struct pk_io *io)
{
    struct pk_id id;
    struct pk_update update;
    while (core_next(io->core, &id, &update)) {
        struct pk_pair *pair = find(io, id);
        if (pair == NULL && update.own)
            pair = pk_pair_service(io, id);
        if (pair != NULL)
            pk_pair_update(pair, &update);
    }
    say_log_events(io);
    if (io->stage == PK_FINISHING)
        return;
    if (core_pending(io->core))
        uv_idle_start(&io->more, go_on);
    else
        uv_idle_stop(&io->more);
    pk_io_maybe_finish(io);
}

static void give_answers_up(struct pk_io *io)
{
    PK_LIST_EACH(node, tmp, &io->answering) {
        struct pk_pair *pair = PK_CONTAINER(node, struct pk_pair, waiting);
        if (pair->deadline_us > io->now_us)
            break;
        pk_list_del(node);
        pk_pair_abandon(pair);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct pk_io *io = timer->data;
    pk_io_clock(io);
    pk_io_step(io, (struct pk_id){UINT32_MAX, 0}, PK_TICK, NULL, 0);
    pk_upstream_tick(io->upstream);
    pk_pair_uplink_timeouts(io);
    give_answers_up(io);
    pk_survey_tick(io);
    pk_marker_tick(io);
    pk_handover_tick(io);
    pk_log_flush(&io->log, false);
    pk_listeners_resume(io);
    pk_io_pump(io);
    pk_stop_tick(io);
}

void pk_ticks_open(struct pk_io *io)
{
    uv_timer_init(&io->loop, &io->tick);
    uv_timer_init(&io->loop, &io->connect_timer);
    uv_idle_init(&io->loop, &io->more);
    io->tick.data = io->connect_timer.data = io->more.data = io;
    uv_timer_start(&io->tick, on_tick, PK_TICK_MS, PK_TICK_MS);
}
