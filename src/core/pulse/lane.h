/*
 * Lanes: sessions of ours on which Pacemaker's clients ask the ensemble. A lane is a client without a socket: what a
 * job asks becomes a ZooKeeper request in its backlog, is judged as any client's, and the answer is taken out of its
 * out chain. Its requests are answered in their order, so the oldest job sent is the one whose answer comes next.
 *
 *   job ──waiting──► request in the backlog ──sent──► the router: memory or the ensemble ──► out chain ──► job
 *
 * Opened for its first job; closed when nobody has asked anything on it for a while, its writes flushed before.
 */
#ifndef PK_CORE_PULSE_LANE_H
#define PK_CORE_PULSE_LANE_H

#include "core/pulse/pacemaker.h"

struct pk_job;

/* The job's next request goes to the lane of its znode. Its owner, the lane, tells it of the answer (pk_job_answer), or
 * that there will be none (pk_job_lost). PK_ENOMEM: the lane does not have it. */
enum pk_err pk_lane_ask(struct pk_pacemaker *pm, struct pk_job *job) PK_NODISCARD;
/* Takes in what the lanes have been answered. Where Pacemaker's protocol is not spoken there are none. */
void pk_lanes_collect_all(struct pk_pacemaker *pm);
static inline void pk_lanes_collect(struct pk_pacemaker *pm)
{
    if (pm->nlanes > 0)
        pk_lanes_collect_all(pm);
}
/* Time has passed: lanes that nobody uses are closed, sessions that are used are kept. */
void pk_lanes_tick(struct pk_pacemaker *pm);
/* Nothing new is to come: every lane without a job closes its session. */
void pk_lanes_drain(struct pk_pacemaker *pm);
/* The lane's uplink is gone: what was asked on it is told. */
void pk_lane_ends(struct pk_pacemaker *pm, struct pk_client *c);
/* Frees the lanes' jobs, for the end of the core. */
void pk_lanes_drop(struct pk_pacemaker *pm);
/* True when counters equal what they count: called by tests after every step. */
void pk_lanes_check(const struct pk_pacemaker *pm);

#endif
