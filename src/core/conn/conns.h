/*
 * All connections of a core: who is there, who has changed, who may go on, who is to end.
 */
#ifndef PK_CORE_CONN_CONNS_H
#define PK_CORE_CONN_CONNS_H

#include "base/latency.h"
#include "core/conn/client.h"
#include "core/conn/log_event.h"

/* Bounds and seeds, from core_config. */
struct pk_limits {
    uint32_t max_frame;       /* bytes of a client's frame, as jute.maxbuffer */
    size_t client_high_water; /* bytes waiting for a slow reader before its sources are no longer read */
    size_t uplink_high_water; /* the same towards the ensemble */
    size_t max_parked;        /* bytes of answers that wait for an earlier one, per connection */
    int64_t handshake_us;     /* from core_open to the end of the connect request */
    bool hold;                /* clients whose server is lost are held */
    size_t hold_watches;      /* bytes of watches that one of them may have */
    uint64_t hash_seed;       /* random */
};

enum { PK_TIMED_SERVERS = 64 };

struct pk_gates;

/* Where the uplinks of clients go: a standby's to the primary. */
enum pk_uplink_way { PK_WAY_ENSEMBLE, PK_WAY_PRIMARY, PK_WAY_NONE };

struct pk_conns {
    const struct pk_mem *mem;
    const struct pk_mem *secrets; /* for credentials */
    struct core_stats *stats;
    struct pk_limits limits;
    int64_t now_us, wall_ms; /* of the event that is being taken in */
    bool draining;
    bool sasl_ended; /* core_config's */
    uint32_t work;   /* done in this turn (pk_work), */
    uint64_t worked; /* and ever */
    struct pk_out_shared out;
    uint8_t way;            /* enum pk_uplink_way */
    struct pk_gates *gates; /* NULL: there is no group (gate.h) */
    struct pk_out nowhere;  /* what goes nowhere, as memory was short: emptied with the turn */
    struct pk_pool entries, pendings, gate_pool;
    struct pk_pool kept;        /* requests and their paths, as long as they wait (pk_blob_pooled) */
    struct pk_list changed;     /* that core_next visits */
    struct pk_list runnable;    /* clients whose backlog may be judged again */
    struct pk_list resting;     /* the same, in their next turn */
    struct pk_list ending;      /* marked by pk_conn_close (pk_uplink.runnable) */
    struct pk_list handshaking; /* without a connect request, oldest first */
    struct pk_list connecting;  /* connect request sent, no response yet */
    struct pk_list outstanding; /* something is awaited from the uplink */
    struct pk_list closing;     /* ended, the client's last replies are being flushed; oldest first */
    struct pk_list held;        /* struct pk_hold.list: clients with whose server something is the matter */
    struct pk_paths paths;      /* that clients watch */
    struct pk_uplink *current;  /* of the newest update */
    struct pk_map sessions;     /* session id -> newest connection */
    struct pk_uplink **slots;
    uint32_t *gens;
    uint32_t nslots, slots_cap, free_hint;
    uint32_t nconns;
    uint8_t nmounts;                     /* as many as there are, for new entries */
    int32_t internal_xid;                /* of the newest internal request */
    int64_t let_in_us[PK_TIMED_SERVERS]; /* when it answered a connect request last, by server */
    struct pk_latency relay_times[PK_TIMED_SERVERS][2]; /* of clients' reads and writes, by server */
    struct pk_log_events log_events;
};

void pk_conns_init(struct pk_conns *conns, const struct pk_mem *mem, struct core_stats *stats,
                   const struct pk_limits *limits);
/* Frees what is left when every connection has been freed. */
void pk_conns_drop(struct pk_conns *conns);

/* The client of the i-th slot, for whoever visits them all (conns.nslots); NULL: there is none. */
static inline struct pk_client *pk_conns_client(const struct pk_conns *conns, uint32_t i)
{
    return conns->slots[i] != NULL ? conns->slots[i]->client : NULL;
}

/* A client in handshake, or an uplink without a client; NULL when out of memory. */
struct pk_client *pk_client_new(struct pk_conns *conns, enum pk_client_kind kind) PK_NODISCARD;
struct pk_uplink *pk_uplink_new(struct pk_conns *conns) PK_NODISCARD;
/* Frees a connection that holds nothing any more; its id is dead from here on. */
void pk_conn_free(struct pk_conns *conns, struct pk_uplink *u);
/* The connection of an id, NULL for a stale one. */
static inline struct pk_uplink *pk_conns_find(const struct pk_conns *conns, struct pk_id id)
{
    return id.slot < conns->nslots && conns->gens[id.slot] == id.gen ? conns->slots[id.slot] : NULL;
}

/*
 * A turn: what is done for one connection before others have theirs. Its work is counted in steps of a walk over
 * znodes, or what takes as long, a few hundredths of a microsecond.
 */
enum {
    PK_TURN_WORK = 16 * 1024, /* some half a millisecond */
    PK_WORK_FRAME = 16,       /* to judge a request or to emit an answer */
    PK_WORK_BYTES = 256,      /* bytes copied in one step */
    PK_WORK_TARGET = 8,       /* to look at a path that a request names beside others */
};
static inline void pk_work(struct pk_conns *conns, size_t steps)
{
    conns->work += (uint32_t)steps;
    conns->worked += steps;
}
/* The turn has been long enough. */
static inline bool pk_tired(const struct pk_conns *conns)
{
    return conns->work >= PK_TURN_WORK;
}
/* The client goes on in its next turn; until then nothing more is read for it. */
void pk_client_rest(struct pk_conns *conns, struct pk_client *c);

/* Remembers a path that the client was seen to write (*to is its writes or holds), instead of one before; without
 * memory none. */
void pk_client_note(const struct pk_conns *conns, struct pk_blob **to, struct pk_bytes path);

/* A connection to a server is wanted for an uplink that opens: now, or when there is a way. */
void pk_uplink_want_open(struct pk_conns *conns, struct pk_uplink *u);
/* The driver should look at this connection. */
static inline void pk_conn_changed(struct pk_conns *conns, struct pk_uplink *u)
{
    if (u->marked)
        return;
    u->marked = true;
    pk_list_add_tail(&conns->changed, &u->changed);
}
/* The client's backlog should be judged again within this step. */
void pk_client_wake(struct pk_conns *conns, struct pk_client *c);
/*
 * Marks a connection that is to end, at the end of this step, and why; the first reason stands. Frees nothing: whoever
 * noticed may go on to the end of what it does, and what is still written for it goes nowhere.
 */
void pk_conn_close(struct pk_conns *conns, struct pk_uplink *u, enum pk_close why);

/* True when the uplink's server has owed an answer for longer than a request of somebody else's may wait for it. */
bool pk_uplink_silent(const struct pk_conns *conns, const struct pk_uplink *u);
/* True when the client was heard lately enough for what is sent on its uplink for others' sake: the ensemble takes that
 * for a sign of its life. */
bool pk_client_lives(const struct pk_conns *conns, const struct pk_client *c);

/* Says something of a path in the log, on u's behalf (NULL: nobody's). */
void pk_conns_log(struct pk_conns *conns, enum pk_log_event_kind kind, const struct pk_uplink *u,
                  struct pk_bytes path, int64_t number);

/* True when counters equal what they count: called by tests after every step. */
void pk_conns_check(const struct pk_conns *conns);

#endif
