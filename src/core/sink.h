/*
 * Sinking: born znodes that an unusual request names are created in the ensemble, with the counters that
 * clients have seen, on the requester's uplink; then the request is judged again and finds them upstream.
 *
 *   per batch:  multi{create...} ──► multi{setData(0,""), setData(-1,"")..., setData(-1,newest), dummy
 * create+delete} at the end: dummy create+delete pairs below upstream parents whose absorbed deaths a request
 * depends on
 */
#ifndef PK_CORE_SINK_H
#define PK_CORE_SINK_H

#include "core/state.h"

/* What a request names, or what else is to be sunk: filled in by names.h, taken over by pk_sink_begin. */
struct pk_naming {
    struct pk_znode **v; /* born znodes, ancestors first */
    uint32_t n, cap;
    struct pk_znode **settle; /* upstream parents with absorbed deaths */
    uint32_t nsettle, settle_cap;
    struct pk_znode **leased; /* znodes whose leases must be clean */
    uint32_t nleased, leased_cap;
    bool busy; /* one of them is being sunk by another connection */
};

enum pk_sink_step { PK_SINK_CREATING, PK_SINK_REPLAYING, PK_SINK_SETTLING };

struct pk_sink {
    struct pk_naming what;
    uint32_t next;  /* first of what.v that is not sunk yet */
    uint32_t batch; /* how many from there are being created or replayed */
    uint32_t at;    /* replaying: which of the batch; settling: which parent */
    int32_t done;   /* replayed steps of that one, or pairs in flight below that parent */
    enum pk_sink_step step;
    bool parents_made;
    int32_t error; /* of the first znode that was refused, 0 none */
};

/* Starts sinking what is named; takes the arrays over. PK_ENOMEM: the caller still owns them. */
enum pk_err pk_sink_begin(struct core *core, struct pk_conn *c, struct pk_naming *what) PK_NODISCARD;
/* Takes the ensemble's answer to a step in. */
void pk_sink_answer(struct core *core, struct pk_conn *c, const struct pk_reply *r, struct pk_bytes body);
/* A born znode whose path another has created in the ensemble meanwhile: the ensemble's stands, ours goes, with a
 * note and a count. c is the connection that found it, NULL none in particular. */
void pk_sink_lost(struct core *core, struct pk_conn *c, struct pk_znode *z);
/* The uplink is gone: what was being sunk stays born, marked uncertain; those who wait are woken. */
void pk_sink_drop(struct core *core, struct pk_conn *c);

void pk_naming_free(struct core *core, struct pk_naming *what);

#endif
