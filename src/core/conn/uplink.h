/*
 * An uplink: our connection to a server of the ensemble, and the session on it. A client contains its own; the service
 * session is an uplink without a client.
 *
 *   NONE ──asked for──► OPENING ──connected──► HANDSHAKE ──connect response──► UP
 *    ▲                    ▲  │ every server tried    │ closed at once, silent:       │ lost
 *    │                    │  └──────► LOST ◄─────────┼── the end of the client ──────┤
 *    │                    └──────────────────────────┘ another server                │
 *    └──────────────────── the client is held (hold.h) ──────────────────────────────┘
 */
#ifndef PK_CORE_CONN_UPLINK_H
#define PK_CORE_CONN_UPLINK_H

#include "base/id.h"
#include "base/map.h"
#include "core/conn/close.h"
#include "core/conn/out.h"
#include "core/conn/queue.h"
#include "core/conn/where.h"

enum pk_uplink_state {
    PK_UPLINK_NONE,
    PK_UPLINK_OPENING,
    PK_UPLINK_HANDSHAKE,
    PK_UPLINK_UP,
    PK_UPLINK_LOST,
    PK_UPLINK_STATES
};

struct pk_client;
struct pk_gate;

/* Where the parser of the ensemble's bytes stands within a frame. */
struct pk_incoming {
    enum { PK_IN_HEAD, PK_IN_PASS, PK_IN_COLLECT } mode;
    uint8_t head[PK_LEN_WORD + PK_REPLY_HEADER];
    uint32_t nhead;
    uint32_t left; /* bytes of the frame still to come */
    struct pk_blob *frame;
    struct pk_entry *entry; /* whose answer it is; NULL for events, pings and the connect response */
};

/* In order of use: a beat meets the first part only. */
struct pk_uplink {
    struct pk_id id;          /* by which the driver knows the pair */
    struct pk_client *client; /* NULL: the service session's */
    uint8_t state;            /* enum pk_uplink_state */
    uint8_t why;              /* enum pk_close: NONE while open, or why the server before was left */
    bool ending;              /* in conns.ending: torn down at the end of the step (end.h) */
    bool marked;              /* in conns.changed */
    uint8_t server;           /* its number, for figures */
    bool want_open, want_close, want_ask; /* updates not yet taken by the driver */
    bool closed;                          /* the driver has been told of the service session's end */
    bool
        admitted; /* the ensemble has answered an ordinary request: it does not insist on authentication first */
    bool probing;         /* the request that finds that out is under way */
    bool read_only;       /* the server serves reads only */
    bool session_closing; /* closeSession has been sent */
    bool group;           /* a link to the primary, or the connection that ends its session (peer/) */
    uint8_t where;        /* enum pk_where */
    bool waits_way;       /* it opens when there is a way (pk_conns.way) */
    uint16_t release;     /* of its server, major * 256 + minor; 0 is not known */
    int32_t timeout_ms;
    struct pk_list changed; /* in conns.changed */
    struct pk_list
        runnable; /* in conns.runnable or .resting: the client's backlog may be judged again; or in conns.ending */
    struct pk_out out;
    struct pk_gate *gate; /* NULL: nothing waits there (gate.h) */
    struct pk_awaited awaited;
    int64_t session_id; /* 0 before the handshake is done */
    int64_t wrote_us;

    int64_t zxid; /* highest header zxid that the uplink has shown */
    int64_t opened_us, heard_us;
    int64_t way_us;       /* since when it waits for one */
    int64_t timed_us;     /* since when it is in the list of `timed` */
    struct pk_list timed; /* in conns.handshaking, .connecting, .outstanding or .closing */
    struct pk_incoming in;
    struct pk_map_node by_session;
    const char *address;             /* of a member; borrowed from its owner */
    struct pk_blob *connect_request; /* for another server */
};

/* True when requests may be sent on it. */
static inline bool pk_uplink_usable(const struct pk_uplink *u)
{
    return u->state == PK_UPLINK_UP && !u->session_closing && !u->ending;
}

/* Moves the uplink to a state that the drawing allows; anything else ends the process. */
void pk_uplink_move(struct pk_uplink *u, enum pk_uplink_state to);

#endif
