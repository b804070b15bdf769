/*
 * The servers of the ensemble: their addresses, whether they answer, and which one a client should try next.
 *
 * An address is asked who it is (srvr) before a client is first sent there, so that a server that is this
 * very process is found and refused, and again every status-interval. Addresses keep their index for good;
 * one that its name no longer has is passed over.
 */
#ifndef PK_IO_UPSTREAM_SERVERS_H
#define PK_IO_UPSTREAM_SERVERS_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/list.h"
#include "core/core.h"
#include "io/config/selves.h"
#include "io/upstream/outage.h"
#include "io/upstream/probe.h"
#include "io/upstream/resolve.h"

/* A server's queue of connections not yet accepted holds 50; beyond, the kernel drops them for a second. */
enum { PK_ARRIVING_MAX = 32 };

enum { PK_MAX_ADDRESSES = 64, PK_VERSION_TEXT = 48, PK_STATE_TEXT = 24 };

struct pk_io;

struct pk_server {
    struct pk_upstream *upstream;
    union pk_address address;
    char name[PK_ADDRESS_TEXT];
    uint32_t names;                /* bit i: name i has this address; 0: passed over */
    bool verified;                 /* it has been asked who it is */
    bool refused;                  /* it is this process */
    bool asked;                    /* up is known */
    bool up;                       /* its newest probe was answered, or a client got through */
    bool warned;                   /* that it is a proxy */
    bool lost;                     /* uplinks broke, and it was asked too lately to be asked again at once */
    unsigned fails;                /* in a row */
    int64_t asked_us;              /* start of the newest probe */
    int64_t retry_us;              /* until then it is tried after all others */
    char version[PK_VERSION_TEXT]; /* "3.8.0", empty when it does not tell */
    char mode[PK_STATE_TEXT];      /* "leader", "read-only", empty when it does not tell */
    struct pk_probe *probe;        /* running, else NULL */
    struct pk_list waiters;        /* pairs that wait for the probe */
    struct pk_list queue;          /* pairs that wait until fewer are on their way in */
    int arriving;                  /* uplinks that connect, or have not heard from it yet */
};

struct pk_upstream {
    struct pk_io *io;
    struct pk_server servers[PK_MAX_ADDRESSES];
    int nservers;
    struct pk_name names[PK_MAX_SERVERS];
    int nnames, lookups; /* lookups: under way */
    int64_t resolved_us; /* start of the newest round of lookups */
    int64_t probed_us;   /* start of the newest round of probes */
    uint64_t random;
    struct pk_selves selves; /* where we listen ourselves */
    bool served;             /* a server that is not ourselves has answered once */
    bool itself;             /* the first lookup of a name led to ourselves */
    struct pk_outage outage;
    bool closing;
};

enum pk_pick {
    PK_PICK_SERVER, /* connect to it */
    PK_PICK_PROBE,  /* it has to be probed first: pk_upstream_wait */
    PK_PICK_NAMES,  /* no address yet: wait until names are resolved */
    PK_PICK_NONE,   /* all have been tried */
};

/* Makes the list of servers and starts to resolve and probe them. PK_ENOMEM. */
enum pk_err pk_upstream_open(struct pk_io *io) PK_NODISCARD;
/* Ends probes and lookups; their handles close. */
void pk_upstream_close(struct pk_upstream *upstream);
/* After the loop has ended. */
void pk_upstream_free(struct pk_upstream *upstream);
/* True when nothing but ourselves was ever found, or a name led to ourselves from the start: no upstream to serve with. */
bool pk_upstream_itself(const struct pk_upstream *upstream);
/* Probes again when status-interval has passed; every second while no server serves. */
void pk_upstream_tick(struct pk_upstream *upstream);

/* A server for a client that has tried the ones in the set; at random among those that did not fail lately.
 */
enum pk_pick pk_upstream_pick(struct pk_upstream *upstream, uint64_t tried, int *server);
/* Puts a pair's node into the waiters of a server and starts its probe. */
void pk_upstream_wait(struct pk_upstream *upstream, int server, struct pk_list *waiting);
const struct sockaddr *pk_upstream_address(const struct pk_upstream *upstream, int server);
const char *pk_upstream_name(const struct pk_upstream *upstream, int server);

/* Takes a place among those on their way in; false: the pair's node is in the queue and is retried later. */
bool pk_upstream_arrive(struct pk_upstream *upstream, int server, struct pk_list *waiting);
/* Gives the place back; the next of the queue is retried. Not from within pk_pair_uplink_open. */
void pk_upstream_arrived(struct pk_upstream *upstream, int server);

/* What clients met. */
void pk_upstream_failed(struct pk_upstream *upstream, int server, const char *why);
void pk_upstream_connected(struct pk_upstream *upstream, int server);
/* The server accepted a client's connection but gave no session. */
void pk_upstream_left(struct pk_upstream *upstream, int server, enum pk_close why);

/* Prechecks a server who it is, unless that is under way. */
void pk_server_probe(struct pk_server *server);
/* Has every pair of a list look for a server again. */
void pk_upstream_retry_all(struct pk_list *waiters);
/* Looks all names up (names.c), or only when the last time is a while ago. */
void pk_upstream_resolve(struct pk_upstream *upstream);
void pk_upstream_resolve_again(struct pk_upstream *upstream);

/* The servers that answer, HOST:PORT with commas between, for a service session; empty when none does. */
void pk_upstream_list(const struct pk_upstream *upstream, char *out, size_t size);

/* A number at random. */
uint64_t pk_upstream_roll(struct pk_upstream *upstream);
/* Has a server tried last for a time that doubles with each failure; many failures at once are one. */
void pk_server_back_off(struct pk_server *server);
/* Notes whether a server serves, and says so in the log when that is new. */
void pk_server_say(struct pk_server *server, bool up, const char *why);

/* From probe.c and resolve.c. */
void pk_upstream_probed(struct pk_server *server, enum pk_probe_result result, const char *text);
void pk_upstream_resolved(struct pk_upstream *upstream, int name, const struct addrinfo *found,
                          const char *failure);

/* An established uplink was lost: the server is asked anew, at once or a second after the last time. */
void pk_upstream_lost(struct pk_upstream *upstream, int server);

/* What the ensemble is like, for four-letter words. */
struct pk_ensemble_state {
    int servers, up;     /* addresses in use; those that answered */
    bool read_only;      /* some answered, and all of these serve reads only */
    const char *version; /* of the first that tells, "" when none does */
    const char *mode;    /* "leader" when one of them is, else of the first that tells, "" when none does */
};
struct pk_ensemble_state pk_upstream_state(const struct pk_upstream *upstream);

#endif
