/*
 * One event loop with its core, its clients and its servers: what the drivers share.
 *
 *   listener ──accept──► pair (client tcp + uplink tcp) ──events──► core
 *                          ▲                                        │
 *                          └───────────── pk_io_pump ◄──updates─────┘
 *   upstream (servers, probes, names) ──► which server an uplink goes to
 *
 * Nothing here is global: a second loop needs a second struct pk_io.
 */
#ifndef PK_IO_LOOP_LOOP_H
#define PK_IO_LOOP_LOOP_H

#include <uv.h>

#include "base/list.h"
#include "core/core.h"
#include "io/config/config.h"
#include "io/conn/listener.h"
#include "io/loop/log.h"

enum { PK_READ_BUFFER = 64 * 1024, PK_TICK_MS = 250, PK_INSTANCE_TEXT = 33, PK_SIGNALS = 13 };

/*
 * SERVING ──► RELEASING ──► DRAINING ──► FINISHING      a signal begins it; without release RELEASING is left out;
 *        stop-timeout each ┘          ┘                 a second signal goes to FINISHING from anywhere
 */
enum pk_stage { PK_SERVING, PK_RELEASING, PK_DRAINING, PK_FINISHING };

struct pk_marker;
struct pk_pair;
struct pk_survey;
struct pk_upstream;

struct pk_io {
    uv_loop_t loop;
    struct pk_config *config;         /* changed by a reload only */
    const struct pk_options *options; /* where it comes from */
    struct pk_log log;
    struct core *core;
    struct pk_upstream *upstream;
    struct pk_survey *survey;        /* running, else NULL */
    struct pk_marker *marker;        /* NULL without one */
    bool surveyed;                   /* a survey has been started */
    char instance[PK_INSTANCE_TEXT]; /* random, in our own srvr */
    uint8_t *buffer;                 /* where every read goes */
    int64_t now_us, wall_ms;         /* of the newest read batch or timer */
    int64_t started_us;

    struct pk_pair **by_slot; /* index: pk_id.slot */
    size_t slots;
    struct pk_list pairs;      /* all that are allocated */
    size_t npairs, nservice;   /* nservice: of these without a client */
    struct pk_list connecting; /* pairs whose uplink connects, oldest first */
    struct pk_list nameless;   /* pairs that wait for names to be resolved */
    struct pk_list answering;  /* pairs whose four-letter word is being written */

    struct pk_listener listeners[PK_MAX_LISTENS];
    size_t nlisteners;
    size_t pair_limit;     /* as many as descriptors allow */
    int64_t max_files;     /* descriptors that are allowed, -1 unknown */
    int64_t files;         /* open beside those of pairs */
    int64_t pause_said_us; /* when the log last heard that accept pauses */
    bool accept_paused;

    uv_timer_t tick, connect_timer;
    uv_idle_t more; /* runs while the core has work left over */
    uv_signal_t signals[PK_SIGNALS];
    enum pk_stage stage;
    int64_t stop_us;  /* when the stage gives up waiting */
    int64_t stage_us; /* when it began */
    struct {
        int64_t left,
            since_us; /* what had to go when its mode was changed, 0 when it is through; when that was */
    } handovers[PK_MAX_MOUNTS];
    int64_t released; /* how much there was when a release began */
    bool restored;    /* from the state file */
    bool failed;      /* it must not go on, and ends with status 1 */
    int64_t rejected; /* clients closed because of max-connections */
};

/* How many clients are connected. */
static inline size_t pk_io_clients(const struct pk_io *io)
{
    return io->npairs - io->nservice;
}

/* Takes the time for events that follow. */
void pk_io_clock(struct pk_io *io);
/* Feeds one event; bytes may be NULL. */
void pk_io_step(struct pk_io *io, struct pk_id id, enum pk_event_type type, const void *bytes, size_t len);
/* Carries out what the core wants until it wants nothing more. Not to be called from within itself. */
void pk_io_pump(struct pk_io *io);
/* Ends the loop when a drain has nothing left to wait for. */
void pk_io_maybe_finish(struct pk_io *io);
/* No new work begins any more. */
static inline bool pk_io_stopping(const struct pk_io *io)
{
    return io->stage != PK_SERVING;
}

#endif
