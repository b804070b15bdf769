/*
 * A cluster that beats at Storm's Pacemaker: its state, and what workers and Nimbus share.
 */
#ifndef PK_TOOLS_BENCH_PULSE_STATE_H
#define PK_TOOLS_BENCH_PULSE_STATE_H

#include "proto/pulse.h"
#include "tools/bench/crowd.h"
#include "tools/bench/pace.h"
#include "tools/bench/paths.h"
#include "tools/bench/request.h"
#include "tools/bench/tally.h"

#define PK_PULSES_ROOT "/workerbeats" /* Pacemaker's keys are below Storm's root, which it does not know */

enum pk_pulses_phase {
    PK_PULSES_OPENING,
    PK_PULSES_BEATING,
    PK_PULSES_SETTLING,
    PK_PULSES_CHECKING,
    PK_PULSES_DELETING,
    PK_PULSES_DONE,
};
enum { PK_TOPOLOGY_MAX = 64, PK_KEY_MAX = sizeof PK_PULSES_ROOT + PK_TOPOLOGY_MAX + PK_WORKER_NAME + 2 };

struct pk_pulses {
    struct pk_bench *b;
    struct pk_crowd crowd; /* connections of the workers, each of one or more, then Nimbus' */
    struct pk_pace pace;
    uv_timer_t warm, end, scan;
    enum pk_pulses_phase phase;
    uint32_t workers, topologies, connections, busy;
    struct pk_beater *w;
    uint8_t *data;
    long epoch; /* names this run's topologies */
    bool scanning;
    uint32_t topology, at, listed; /* of the scan */
    uint32_t *list;
    uint64_t scan_from;
    struct pk_tally tally;
};

static inline struct pk_pulses *pk_pulses_of(struct pk_zs *s)
{
    return ((struct pk_crowd *)s->owner)->owner;
}

static inline struct pk_zs *pk_pulses_nimbus(struct pk_pulses *ps)
{
    return &ps->crowd.s[ps->connections];
}

/* The key of the t-th topology; returns its length. path has PK_KEY_MAX bytes, as key below. */
int pk_pulses_topology(const struct pk_pulses *ps, char *path, uint32_t t);
/* The key of the i-th worker. */
void pk_pulses_key(const struct pk_pulses *ps, char *key, uint32_t i);
/* Sends a message about a path; fn is told of the reply. */
void pk_pulses_ask(struct pk_zs *s, int32_t type, const char *path, pk_zs_fn fn, uint64_t now);
/* A reply of the type asked for; anything else is counted. A lost connection's answer is none. */
bool pk_pulses_reply_is(struct pk_pulses *ps, const struct pk_zs_reply *r, int32_t type, struct pk_pulse *m);
/* A worker's pulse or Nimbus' scan ended; the last one ends the phase that waits for it. */
void pk_pulses_idle(struct pk_pulses *ps);

/* Nimbus reads everything (pulse_nimbus.c); pk_pulses_idle when it is through. */
void pk_pulses_scan(struct pk_pulses *ps);
/* The same from a timer, unless it is reading. */
void pk_pulses_on_scan(uv_timer_t *t);

#endif
