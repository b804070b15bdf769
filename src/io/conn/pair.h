/*
 * A client connection with its uplink: two sides that are opened and closed on their own, freed together. A service
 * session is a pair whose client side is never there.
 *
 *   NEW ──► KNOWN ──► (ANSWERING) ──► LEAVING ──► freed when both sides are NONE
 *     └───────memory is short─────────┘
 */
#ifndef PK_IO_CONN_PAIR_H
#define PK_IO_CONN_PAIR_H

#include "io/config/hostport.h"
#include "io/conn/peers.h"
#include "io/conn/saslstep.h"
#include "io/loop/wait.h"
#include "io/transport/side.h"

struct pk_call;
struct pk_opening;
struct pk_pairs;

/* The protocol of a client; LINK: of another member that wants a copy; MEMBER: what opens either. */
enum pk_speaks { PK_SPEAKS_ZOOKEEPER, PK_SPEAKS_PACEMAKER, PK_SPEAKS_LINK, PK_SPEAKS_MEMBER };

/* What is spoken where clients are accepted. */
struct pk_port {
    enum pk_speaks speaks;
    enum pk_transport transport;
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
    int64_t begun_us;      /* when it took its place among those on their way to the server */
    int64_t held_us; /* since when it has waited for a server that serves, or its own was lost; 0: never */
    int64_t due_us;  /* with attach: when its client is closed, if no server takes the session up */
    uint64_t tried;  /* bit i: server i has been tried for this client */
    char *answer;    /* of a four-letter word */
    struct pk_saslstep sasl;    /* where exchanges end here */
    struct pk_call *call;       /* while the uplink to another member is being opened */
    struct pk_opening *opening; /* until the PROXY header is whole, where one is expected */
    int64_t session;            /* for the log, 0 before there is one */
    union pk_address peer;
    struct pk_place place; /* among those of its address */
    int8_t server;         /* the uplink's, or the one it waits for; -1 none */
    uint8_t state;         /* enum pk_pair_state */
    uint8_t crowded;       /* how often a server that lives had no room for its connection */
    float rate;            /* requests a second, between the two newest looks of an operator */
    uint64_t sampled;      /* requests at the newest, */
    int64_t sampled_us;    /* and when it was; 0 none */
    bool service : 1;      /* no client's: a session of the core's own, or a link */
    bool link : 1;         /* to or from another member */
    bool pacemaker : 1;    /* the client speaks Pacemaker's protocol: there is no uplink */
    bool arriving : 1;     /* it has a place among those on their way to the server */
    bool leaving : 1;      /* an operator has told it to go */
    bool attach : 1;       /* its session is held, and taken up elsewhere */
    bool asks : 1;         /* it waits to hear whether its server is lost */
    bool reopen : 1;       /* another server is to be tried when the uplink has closed */
};

/* Takes a socket over that was accepted there. Closes it when memory is short. */
void pk_pair_open(struct pk_pairs *conns, struct pk_port port, int fd, const union pk_address *peer);
/* The same for one that the core knows already, and that has proved to be a member's, or a client of one. */
void pk_pair_adopt(struct pk_pairs *conns, struct pk_id id, enum pk_speaks speaks, int fd,
                   const union pk_address *peer);
/* Others need the place of this client, which has one and has not settled. */
void pk_pair_dismiss(struct pk_pair *pair);
/* A service session of the core begins: makes its pair, or tells the core that there will be no uplink. */
struct pk_pair *pk_pair_service(struct pk_pairs *conns, struct pk_id id);
/* Who it is, for the log: the client's address, or that it is our own. */
const char *pk_pair_name(const struct pk_pair *pair, char text[PK_ADDRESS_TEXT]);
/* Does what the core wants. */
void pk_pair_update(struct pk_pair *pair, const struct pk_update *update);
/* Reads from the uplink, which has connected, and first the handshake of TLS when it speaks that. False: it is lost. */
bool pk_pair_read_uplink(struct pk_pair *pair, struct pk_tls_context *tls);
/* Frees the pair when the core has let go of it and both sides are closed. */
void pk_pair_maybe_free(struct pk_pair *pair);

/* Gives up answers to four-letter words that clients have not taken in time. */
void pk_pairs_timeouts(struct pk_pairs *conns);
/* Ends all without asking the core. */
void pk_pairs_abandon(struct pk_pairs *conns);

#endif
