/*
 * A cluster that beats at Storm's Pacemaker: its state, and what workers and Nimbus share.
 */
#ifndef PK_TOOLS_BENCH_PULSE_STATE_H
#define PK_TOOLS_BENCH_PULSE_STATE_H

#include "tools/bench_crowd.h"
#include "tools/bench_hist.h"
#include "tools/bench_pace.h"
#include "tools/bench_paths.h"
#include "tools/bench_pulse_wire.h"
#include "tools/bench_request.h"
#include "tools/bench_run.h"

#define PK_PULSES_ROOT "/workerbeats" /* Pacemaker's keys are below Storm's root, which it does not know */

enum phase { OPENING, BEATING, SETTLING, CHECKING, DELETING, DONE };
enum { TOPOLOGY_MAX = 64, KEY_MAX = sizeof PK_PULSES_ROOT + TOPOLOGY_MAX + PK_WORKER_NAME + 2 };

struct worker {
    bool busy;
    uint64_t begun, due;  /* pulses begun on the schedule; when the one in work was due, ns */
    uint64_t sent, acked; /* numbers of the newest one sent and confirmed */
    uint64_t known, seen; /* confirmed when Nimbus asked; newest that it has read */
};

struct pulses {
    struct pk_bench *b;
    struct pk_crowd crowd; /* connections of the workers, then Nimbus' */
    struct pk_pace pace;
    uv_timer_t warm, end, scan;
    enum phase phase;
    uint32_t workers, topologies, busy;
    struct worker *w;
    uint8_t *data;
    long epoch; /* names this run's topologies */
    bool scanning;
    uint32_t topology, at, listed; /* of the scan */
    uint32_t *list;
    uint64_t scan_from;
    uint64_t beats, reads, scans, lost, refused, corrupt, older, missing, stale;
    struct pk_hist beat, read, scan_time;
};

static inline struct pulses *pk_pulses_of(struct pk_zs *s)
{
    return ((struct pk_crowd *)s->owner)->owner;
}

static inline struct pk_zs *pk_pulses_nimbus(struct pulses *ps)
{
    return &ps->crowd.s[ps->workers];
}

/* The key of the t-th topology; returns its length. path has KEY_MAX bytes, as key below. */
int pk_pulses_topology(const struct pulses *ps, char *path, uint32_t t);
/* The key of the i-th worker. */
void pk_pulses_key(const struct pulses *ps, char *key, uint32_t i);
/* Sends a message about a path; fn is told of the reply. */
void pk_pulses_ask(struct pk_zs *s, int32_t type, const char *path, pk_zs_fn fn, uint64_t now);
/* A reply of the type asked for; anything else is counted. A lost connection's answer is none. */
bool pk_pulses_reply_is(struct pulses *ps, const struct pk_zs_reply *r, int32_t type, struct pk_pulse *m);
/* A worker's pulse or Nimbus' scan ended; the last one ends the phase that waits for it. */
void pk_pulses_idle(struct pulses *ps);

/* Nimbus reads everything (bench_pulse_nimbus.c); pk_pulses_idle when it is through. */
void pk_pulses_scan(struct pulses *ps);
/* The same from a timer, unless it is reading. */
void pk_pulses_on_scan(uv_timer_t *t);

#endif
