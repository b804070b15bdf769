/*
 * The whole of a core: its parts, one inside the other's reach from below upwards.
 */
#ifndef PK_CORE_STATE_H
#define PK_CORE_STATE_H

#include "base/histogram.h"
#include "base/window.h"
#include "core/peer/member.h"
#include "core/pulse/pacemaker.h"
#include "core/sync/sync.h"

struct core {
    const struct pk_mem *mem;
    struct core_stats stats;
    struct pk_store store;
    struct pk_conns conns;
    struct pk_sync sync;
    struct pk_pacemaker pacemaker;
    struct pk_member *member; /* NULL: there is no group */
    struct pk_histogram beat_latency, hold_time;
    struct pk_window beat_window; /* of beat_latency */
    int64_t ticked_us;            /* time of the newest tick */
    int64_t stood_us; /* since when the loop had stood still when what is read now came; 0: it had not */
    int64_t keep_promoted_us; /* how long a promotion is remembered for servers that lag */
};

#endif
