/*
 * A loop with its connections: one for each thread.
 *
 *   listener ──accept──► pair (client tcp + uplink tcp) ──events──► core
 *                          ▲                                        │
 *                          └────────────── pk_pump ◄───updates──────┘
 *
 * A pair is a client connection with its uplink: two sides that are opened and closed on their own, freed together. A
 * service session is a pair whose client side is never there.
 *
 *   NEW ──► KNOWN ──► (ANSWERING) ──► LEAVING ──► freed when both sides are NONE
 *     └───────memory is short─────────┘
 */
#ifndef PK_IO_CONN_PAIRS_H
#define PK_IO_CONN_PAIRS_H

#include "base/list.h"
#include "io/config/hostport.h"
#include "io/conn/holds.h"
#include "io/conn/linkout.h"
#include "io/conn/members.h"
#include "io/conn/peers.h"
#include "io/conn/saslstep.h"
#include "io/loop/loop.h"
#include "io/loop/wait.h"
#include "io/transport/side.h"

struct pk_call;
struct pk_opening;
struct pk_pair;
struct pk_upstream;

/* Whose bytes: clients', uplinks', those of links to and from other members. */
enum pk_traffic { PK_TRAFFIC_CLIENT, PK_TRAFFIC_UPLINK, PK_TRAFFIC_LINK, PK_TRAFFICS };

struct pk_pairs {
    struct pk_loop loop;
    struct pk_sasl_here sasl, pacemaker; /* of ZooKeeper's clients, of Pacemaker's */
    struct pk_upstream *upstream;        /* its servers, borrowed; NULL before it is opened */
    /* The answer to a four-letter word: *len bytes that the caller frees, or NULL. */
    char *(*on_four_letter)(void *owner, const char *word, size_t *len);
    void *owner; /* on_four_letter's */
    /* Whether one more client may come from there; false, and said: it is to be closed. */
    bool (*admits)(void *gate, const union pk_address *from);
    void *gate; /* admits's */

    struct pk_pair **by_slot; /* index: pk_id.slot */
    size_t slots;
    struct pk_list pairs;      /* all that are allocated */
    size_t npairs, nservice;   /* nservice: of these no client's */
    struct pk_peers peers;     /* where the clients come from */
    struct pk_list connecting; /* pairs whose uplink connects, oldest first */
    struct pk_list securing;   /* pairs whose uplink is in the handshake of TLS, oldest first */
    struct pk_list calling;    /* pairs whose uplink to a member is being opened, oldest first */
    struct pk_list answering;  /* pairs whose four-letter word is being written, oldest first */
    int64_t closes[PK_CLOSES]; /* of clients, by why */
    int64_t bytes_in[PK_TRAFFICS], bytes_out[PK_TRAFFICS];
    int64_t link_messages; /* written to links */
    struct pk_list room;   /* of struct pk_waiter: until a pair has ended */

    struct pk_members members;
    int64_t call_said_us; /* when the log last heard of a call that a member did not take */
    struct pk_holds holds;
    struct pk_linkout linkout;
    uv_timer_t connect_timer;
    uv_idle_t more; /* runs while the core has work left over */
};

enum pk_pair_state {
    PK_PAIR_NEW,
    PK_PAIR_KNOWN,     /* to the core: id is alive */
    PK_PAIR_ANSWERING, /* the core has let go of it; its four-letter word's answer is being written */
    PK_PAIR_LEAVING,
};

struct pk_pair {
    struct pk_pairs *conns;
    struct pk_id id;
    struct pk_side client, uplink;
    struct pk_list all;    /* conns->pairs */
    struct pk_waiter wait; /* in conns->connecting or .answering, or in one of the upstream's lists */
    int64_t deadline_us;   /* of what it waits for */
    int64_t
        begun_us; /* when it took its place among those on their way to the server, then: when that answered */
    int64_t held_us; /* since when it has waited for a server that serves, or its own was lost; 0: never */
    int64_t due_us;  /* with attach: when its client is closed, if no server takes the session up */
    uint64_t tried;  /* bit i: server i has been tried for this client */
    char *answer;    /* of a four-letter word */
    struct pk_saslstep sasl;    /* where exchanges end here */
    struct pk_call *call;       /* while the uplink to another member is being opened */
    struct pk_opening *opening; /* until the PROXY header is whole, where one is expected */
    int64_t session;            /* for the log, 0 before there is one */
    union pk_address peer;
    float rate, writes;    /* requests a second, and of them writes, between an operator's two newest looks */
    struct pk_place place; /* among those of its address */
    int64_t sampled_us;    /* the newest look, 0 none, */
    uint32_t sampled;      /* and the requests until then, modulo 2^32, */
    uint32_t written;      /* and the writes */
    int8_t server;         /* the uplink's, or the one it waits for; -1 none */
    uint8_t state;         /* enum pk_pair_state */
    uint8_t crowded;       /* how often a server that lives had no room for its connection */
    bool service : 1;      /* no client's: a session of the core's own, or a link */
    bool link : 1;         /* to or from another member */
    bool pacemaker : 1;    /* the client speaks Pacemaker's protocol: there is no uplink */
    bool arriving : 1;     /* it has a place among those on their way to the server */
    bool leaving : 1;      /* an operator has told it to go */
    bool attach : 1;       /* its session is held, and taken up elsewhere */
    bool asks : 1;         /* it waits to hear whether its server is lost */
    bool reopen : 1;       /* another server is to be tried when the uplink has closed */
};

/* Sets lists and handles up, in a loop that is there. */
void pk_pairs_init(struct pk_pairs *conns);
/* Closes the timer and the idle handle: neither is started any more. */
void pk_pairs_close(struct pk_pairs *conns);
/* Frees the table, after the loop has ended. */
void pk_pairs_free(struct pk_pairs *conns);
/* The pair of that slot from now on. PK_ENOMEM. */
enum pk_err pk_pairs_put(struct pk_pairs *conns, uint32_t slot, struct pk_pair *pair) PK_NODISCARD;

/* The loop ends: no handle may be started. */
static inline bool pk_pairs_closing(const struct pk_pairs *conns)
{
    return uv_is_closing((const uv_handle_t *)&conns->more);
}

/* How many clients are connected. */
static inline size_t pk_pairs_clients(const struct pk_pairs *conns)
{
    return conns->npairs - conns->nservice;
}

#endif
