/*
 * `pk-bench storm`: a simulated Storm cluster. Workers, a session each, beat as Storm's do; Nimbus, which
 * writes through one session and reads through another, submits topologies, reads all beats every so often
 * and tears the topologies down. Every value read is checked.
 *
 *   storm.c   phases, counters, progress and report
 *   worker.c  what one worker does
 *   nimbus.c  submitting, scanning and checking
 *   kill.c    tearing topologies down
 *   duty.c    with --line: everything else that Storm sends all the time, by the tables of line.c
 */
#ifndef PK_TOOLS_BENCH_STORM_H
#define PK_TOOLS_BENCH_STORM_H

#include "proto/jute.h"
#include "tools/bench/crowd.h"
#include "tools/bench/duty.h"
#include "tools/bench/pace.h"
#include "tools/bench/tally.h"
#include "tools/bench/tree.h"

enum pk_storm_phase {
    PK_STORM_SUBMITTING, /* directories and topologies are made */
    PK_STORM_FURNISHING, /* with --line: what else a topology has in ZooKeeper */
    PK_STORM_ENROLLING,  /* with --line: supervisors' znodes */
    PK_STORM_STARTING,   /* workers look at Storm's directories */
    PK_STORM_BEATING,    /* the measured stretch */
    PK_STORM_SETTLING,   /* beats in flight and the scan in work are awaited */
    PK_STORM_CHECKING,   /* Nimbus reads every last value back */
    PK_STORM_LEAVING,    /* every other worker shuts down cleanly */
    PK_STORM_KILLING,    /* Nimbus tears the topologies down */
    PK_STORM_CLEARING,   /* with --line: what else the topologies had */
    PK_STORM_DONE,
};

struct pk_worker {
    char path[PK_PATH_MAX];
    uint32_t topology;
    uint32_t step; /* directories looked at while starting */
    bool listed;   /* in the listing being read */
    struct pk_beater beat;
};

struct pk_nimbus {
    bool busy;         /* a scan is in work */
    uint32_t topology; /* being read, or torn down */
    uint32_t *list;    /* workers listed in it */
    uint32_t listed, at;
    uint64_t scan_from; /* ns */
    uv_timer_t timer;
};

struct pk_storm {
    struct pk_bench *b;
    enum pk_storm_phase phase;
    struct pk_crowd
        crowd; /* workers, Nimbus' writer and reader; with --line: its third session, and supervisors */
    const struct pk_line *line; /* NULL: workers beat, Nimbus reads, nobody does anything else */
    struct pk_duties duties;
    struct pk_pace pace;
    struct pk_mkdirs mkdirs;
    struct pk_nimbus nimbus;
    uv_timer_t warm, end, tick;
    uint32_t workers, topologies, supervisors;
    struct pk_worker *w;
    char (*topology)[PK_PATH_MAX]; /* paths under <root>/workerbeats */
    char beats_root[PK_PATH_MAX];
    uint8_t *data;
    uint32_t busy; /* sequences of requests in work */
    struct pk_tally tally;
    uint64_t shown_beats, shown_at; /* at the last progress line */
};

/* Storm's directories below its root, in the order of its own start-up. */
extern const char *const pk_storm_dirs[];
extern const uint32_t pk_storm_ndirs;

extern const struct pk_bench_subject pk_storm_subject;

/* ---- between the files of the simulation ---- */
struct pk_storm *pk_storm_of(struct pk_zs *s);
void pk_storm_enter(struct pk_storm *st, enum pk_storm_phase phase);
void pk_storm_fail(struct pk_storm *st, const char *why);
/* A worker's sequence ended; the last one ends the phase that waits for it. */
void pk_storm_idle(struct pk_storm *st);

static inline struct pk_zs *pk_storm_writer(struct pk_storm *st)
{
    return &st->crowd.s[st->workers];
}

static inline struct pk_zs *pk_storm_reader(struct pk_storm *st)
{
    return &st->crowd.s[st->workers + 1];
}

static inline struct pk_zs *pk_storm_leader(struct pk_storm *st)
{
    return &st->crowd.s[st->workers + 2];
}

static inline struct pk_zs *pk_storm_supervisor(struct pk_storm *st, uint32_t i)
{
    return &st->crowd.s[st->workers + 3 + i];
}

enum { PK_SUPERVISOR_NAME = 64 };
/* The id of a supervisor of this run. */
void pk_storm_supervisor_name(char name[PK_SUPERVISOR_NAME], uint32_t i);
/* Bytes of a worker's beat, by its number. */
uint32_t pk_storm_beat_size(const struct pk_storm *st, uint64_t seq);

void pk_worker_start(struct pk_storm *st, uint32_t i);
/* A beat is due (uv_hrtime() clock); skipped when the one before is still in flight, which then follows it
 * up. */
void pk_worker_due(struct pk_storm *st, uint32_t i);
/* Storm's clean shutdown: exists, delete. */
void pk_worker_leave(struct pk_storm *st, uint32_t i);

void pk_nimbus_submit(struct pk_storm *st);
/*
 * One scan: getChildren2 of workerbeats and of each topology, exists and getData of every worker. Also counted:
 * missing: a confirmed worker that is not listed or not found; version_off: a Stat whose version is not the number of
 * writes. In phase CHECKING the scan follows a sync and all workers are idle: what is stale then is a last value that
 * was lost, and counts as missing.
 */
void pk_nimbus_scan(struct pk_storm *st);
void pk_nimbus_kill(struct pk_storm *st);

#endif
