/*
 * The process: one loop with its connections, and what there is once whatever the number of loops.
 */
#ifndef PK_IO_DAEMON_DAEMON_H
#define PK_IO_DAEMON_DAEMON_H

#include "io/admin/admin.h"
#include "io/conn/listener.h"
#include "io/conn/pairs.h"
#include "io/daemon/figures.h"
#include "io/loop/inherit.h"
#include "io/loop/limits.h"
#include "io/loop/log.h"
#include "io/loop/notify.h"

/*
 * SERVING ──► HANDING ──► RELEASING ──► DRAINING ──► FINISHING
 *               2 s ┘  stop-timeout each ┘          ┘
 *
 * A signal begins it. HANDING is a member's of a group; RELEASING comes where release is configured and nobody takes
 * over, or where a reload has sent what a mount holds on its way; a second signal goes to FINISHING from anywhere.
 */
enum pk_daemon_stage { PK_SERVING, PK_HANDING, PK_RELEASING, PK_DRAINING, PK_FINISHING };

enum { PK_SIGNALS = 13 };

struct pk_census;
struct pk_marker;
struct pk_options;
struct pk_survey;

struct pk_daemon {
    struct pk_config *config;         /* changed by a reload only */
    const struct pk_options *options; /* where it comes from */
    struct pk_log log;
    uint8_t incarnation[PK_INCARNATION]; /* random, */
    char instance[PK_INSTANCE_TEXT];     /* and as text */
    struct pk_notify notify;             /* the service manager */
    struct pk_inherited inherited;       /* sockets that it has opened */
    struct pk_figures figures;
    struct pk_file_limits limits;
    struct pk_sasl *sasl; /* NULL: nobody is authenticated here */
    struct pk_pairs conns;
    struct pk_listeners listeners;
    struct pk_survey *survey;
    struct pk_census *census;
    struct pk_marker *marker;
    struct pk_admin admin;

    uv_timer_t tick, group_tick;
    uv_prepare_t drained; /* looks once a turn whether a drain is over */
    uv_signal_t signals[PK_SIGNALS];
    enum pk_daemon_stage stage;
    int64_t stop_us;  /* when the stage gives up waiting */
    int64_t stage_us; /* when it began */
    struct {
        int64_t left;     /* what had to go when its mode was changed, 0 when it is through */
        int64_t since_us; /* when that was */
        bool begins;      /* it is new, and its mode has not begun */
    } handovers[PK_STORE_MOUNTS];
    struct {
        bool on;
        int64_t rate;   /* clients a second, 0: all at once */
        int64_t credit; /* quarters of clients */
    } drain;            /* asked for by an operator */
    bool taken_over;    /* another member of the group has the memory, or is to have it */
    bool failed;        /* it must not go on, and ends with status 1 */
    int64_t released;   /* how much there was when a release began */
};

/* Makes all parts, opens nothing: loop, core and handles. Memory is zero before. PK_ENOMEM, PK_ELIMIT. */
enum pk_err pk_daemon_init(struct pk_daemon *daemon, struct pk_config *config,
                           const struct pk_options *options) PK_NODISCARD;
/* Frees all parts, after the loop was closed. */
void pk_daemon_free(struct pk_daemon *daemon);

/* The bounds of a configuration, as the core has them (struct core_config). */
#define PK_DAEMON_LIMITS(c)                                                                                  \
    .max_frame = (uint32_t)(c)->max_frame, .client_high_water = (size_t)(c)->client_buffer,                  \
    .uplink_high_water = (size_t)(c)->uplink_buffer, .max_parked = (size_t)(c)->parked_buffer,               \
    .watch_memory = (size_t)(c)->watch_memory, .handshake_us = (c)->handshake_timeout * 1000,                \
    .hold_watches = (size_t)(c)->hold_watches, .max_message = (uint32_t)(c)->pacemaker_max_message

/* Says in the log what the notes of a configuration say. */
void pk_daemon_notes(struct pk_daemon *daemon, const struct pk_config *config);

/* No new work begins any more. */
static inline bool pk_daemon_stopping(const struct pk_daemon *daemon)
{
    return daemon->stage != PK_SERVING;
}

#endif
