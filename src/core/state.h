/*
 * The core's own state, shared by its parts, and the few services that all of them use: making a connection
 * visible to the driver, ending it, and waking those that wait.
 */
#ifndef PK_CORE_STATE_H
#define PK_CORE_STATE_H

#include "base/histogram.h"
#include "core/conn.h"

enum { PK_LOG_EVENTS = 32 };

/* Credentials, owned. */
struct pk_auths {
    struct core_auth *v;
    size_t n;
};

struct core {
    const struct pk_mem *mem;
    struct core_config config;
    struct core_stats stats;
    struct pk_store store;
    struct pk_out_shared out;
    struct pk_pool entries, intents, watches, cached_znodes, permits;
    struct pk_conn **slots;
    uint32_t *gens;
    uint32_t nslots, slots_cap, free_hint;
    struct pk_map sessions;         /* session id -> newest connection */
    struct pk_list changed;         /* connections that core_next visits */
    struct pk_list ending;      /* marked by pk_conn_close (pk_conn.runnable) */
    struct pk_list runnable;        /* connections whose backlog may be judged again */
    struct pk_list waiting;         /* connections that wait for the end of some promotion */
    struct pk_list handshaking;     /* without a connect request, oldest first */
    struct pk_list connect_request; /* connect request sent, no response yet */
    struct pk_list outstanding;     /* something is awaited from the uplink */
    struct pk_list lasting;         /* closed, the client's last replies are being flushed; oldest first */
    struct pk_conn *given;          /* the connection of the newest update */
    struct pk_histogram beat_latency;
    struct core_log_event notes[PK_LOG_EVENTS];
    unsigned first_log_event, nlog_events;
    uint32_t nconns;
    int64_t now_us, wall_ms;
    int64_t ticked_us;       /* time of the newest tick */
    int32_t internal_xid;    /* of the newest internal request */
    uint32_t promoting;      /* promotions under way */
    struct pk_list over;     /* cached znodes that have ended (pk_cached.due), oldest first */
    struct pk_list orphans;  /* dirty cached znodes (pk_cached.due) that no client's uplink flushes */
    struct pk_list refused;  /* of these, what the service session may not flush either */
    struct pk_conn *own;     /* the service session, NULL when there is none */
    unsigned service_fails;  /* in a row */
    int64_t service_next_us; /* not opened again before */
    struct pk_auths auths;   /* what it shows the ensemble */
    bool to_look;            /* restored znodes may not have been compared with the ensemble yet */
    uint32_t handed;         /* znodes and cached znodes handed over since the newest tick */
    bool draining;
    bool releasing; /* as fast as the ensemble takes it */
};

/* The driver should look at this connection. */
void pk_conn_changed(struct core *core, struct pk_conn *c);
/* Its backlog should be judged again within this step. */
void pk_conn_wake(struct core *core, struct pk_conn *c);
/* Marks a connection that is to end, at the end of this step, and why. Frees nothing; what is written for it from here
 * on goes nowhere. The first reason stands. */
void pk_conn_close(struct core *core, struct pk_conn *c, enum pk_close why);
/* Everyone who waits for the end of a promotion is judged again, in the order in which they came. */
void pk_core_wake_waiting(struct core *core);
/* Waits for the end of some promotion. */
void pk_conn_wait(struct core *core, struct pk_conn *c);

void pk_core_log_event(struct core *core, enum pk_log_event_kind kind, const struct pk_conn *c,
                       struct pk_bytes path, int64_t number);

/* A connection in no state yet; NULL when out of memory. */
struct pk_conn *pk_conn_new(struct core *core) PK_NODISCARD;
/* A fresh xid for an internal request: negative, so that servers do not count it in their throttling. */
int32_t pk_core_xid(struct core *core);

/* An answer that waited for one that was asked again: its header zxid is raised to the highest that the client has seen.
 * p: the frame, length word included. */
void pk_conn_lift_zxid(const struct pk_conn *c, uint8_t *p);
/* len bytes to be filled in at once, towards the client or the uplink; NULL when the connection is to end.
 * Output for a client that is gone is written into the void. */
uint8_t *pk_conn_client_room(struct core *core, struct pk_conn *c, size_t len);
uint8_t *pk_conn_uplink_room(struct core *core, struct pk_conn *c, size_t len);

#endif
