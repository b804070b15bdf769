/*
 * The gate of a primary: what depends on memory leaves when every copy has what it shows, and while the primary reigns
 * (design.md 16.2). Execution never waits; bytes do.
 *
 *   written ──gate open──────────────────────────────────────────────► out chain ──► driver
 *      └──shut──► newer ──► older ──its position is acknowledged, the reign is valid──┘
 *
 * A side has a gate only while something waits there. Two generations, so that who always writes does not starve: the
 * older one waits for its position, the newer one collects. Frames keep their order; answers to pings alone may pass,
 * and on an uplink our pings and questions about the reign.
 */
#ifndef PK_CORE_CONN_GATE_H
#define PK_CORE_CONN_GATE_H

#include "base/histogram.h"
#include "core/conn/conns.h"

/* What must hold before something may leave. */
enum pk_depends {
    PK_ON_MEMORY,  /* it shows what memory holds, or follows from that */
    PK_ON_ORDER,   /* what waits before it must have left */
    PK_ON_NOTHING, /* it may overtake */
};

/* Of the whole core: NULL without a group. */
struct pk_gates {
    bool apply;       /* memory is ours: else there is nothing that could be told of it */
    int64_t position; /* of the newest change */
    int64_t acked;    /* by every copy that is waited for; INT64_MAX: none is */
    int64_t reign_until_us;
    uint32_t asked;    /* questions about the reign, so far */
    uint32_t answered; /* the newest of them that the ensemble has confirmed */
    uint32_t fence;    /* those up to here were asked in other epochs */
    bool wants_answer; /* somebody waits for one that is asked */
    uint32_t wanted;   /* after this one */
    struct {
        bool apply;
        int64_t acked, reign_until_us;
        uint32_t answered;
    } looked;                  /* as they were when every gate was looked at */
    struct pk_list waiting;    /* struct pk_gate.list */
    uint64_t nwaiting;         /* gates */
    struct pk_histogram waits; /* of what waited, in microseconds */
};

struct pk_gated {
    struct pk_out out; /* kept from the start: what is written here waits for another turn */
    int64_t position;  /* must be acknowledged */
    int64_t since_us;
};

struct pk_gate {
    struct pk_list list;
    struct pk_uplink *u;
    bool client; /* of the client's side, else the uplink's */
    struct pk_gated older, newer;
};

void pk_gates_init(struct pk_gates *gates);

/* Where something is to be appended that is written for a client now. What is written for one that is gone, or when
 * memory is short (the connection is to end then), goes nowhere. */
struct pk_out *pk_gate_client_out(struct pk_conns *conns, struct pk_client *c, enum pk_depends on);
/* The same for an uplink. */
struct pk_out *pk_gate_uplink_out(struct pk_conns *conns, struct pk_uplink *u, enum pk_depends on);

static inline struct pk_out *pk_client_out(struct pk_conns *conns, struct pk_client *c, enum pk_depends on)
{
    return conns->gates == NULL ? &c->out : pk_gate_client_out(conns, c, on);
}

static inline struct pk_out *pk_uplink_out(struct pk_conns *conns, struct pk_uplink *u, enum pk_depends on)
{
    return conns->gates == NULL ? &u->out : pk_gate_uplink_out(conns, u, on);
}

/* The generation of a chain of an uplink's: 0 it is no gate's, 1 older, 2 newer. */
uint8_t pk_gate_generation(const struct pk_uplink *u, const struct pk_out *out);

/* Every copy that is waited for has acknowledged this position. */
bool pk_gate_copied(const struct pk_gates *gates, int64_t position);
/* The primary may show what memory holds now. */
bool pk_gate_reigns(const struct pk_gates *gates, int64_t now_us);
/* The reign has been confirmed by a question that was asked after the client came. */
bool pk_gate_fresh(const struct pk_gates *gates, const struct pk_client *c);

/* Lets out what may leave now; to be called when any of these may have changed. */
void pk_gates_open(struct pk_conns *conns);

/* Bytes that wait behind a gate; NULL is allowed. */
static inline size_t pk_gate_bytes(const struct pk_gate *gate)
{
    return gate != NULL ? gate->older.out.bytes + gate->newer.out.bytes : 0;
}

/* Bytes that have not been taken by the driver. */
static inline size_t pk_client_unsent(const struct pk_client *c)
{
    return c->out.bytes + pk_gate_bytes(c->gate);
}

static inline size_t pk_uplink_unsent(const struct pk_uplink *u)
{
    return u->out.bytes + pk_gate_bytes(u->gate);
}

/* Forgets what waits there. */
void pk_gate_drop(struct pk_conns *conns, struct pk_gate **gate);
/* The same, with what is on its way to the client or the uplink already. */
void pk_client_out_drop(struct pk_conns *conns, struct pk_client *c);
void pk_uplink_out_drop(struct pk_conns *conns, struct pk_uplink *u);

#endif
