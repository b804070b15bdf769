/*
 * A loop with its connections: one for each thread.
 *
 *   listener ──accept──► pair (client tcp + uplink tcp) ──events──► core
 *                          ▲                                        │
 *                          └────────────── pk_pump ◄───updates──────┘
 */
#ifndef PK_IO_CONN_PAIRS_H
#define PK_IO_CONN_PAIRS_H

#include "base/list.h"
#include "io/conn/holds.h"
#include "io/conn/linkout.h"
#include "io/conn/members.h"
#include "io/conn/peers.h"
#include "io/conn/saslstep.h"
#include "io/loop/loop.h"

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
