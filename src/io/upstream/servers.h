/*
 * The servers of the ensemble: their addresses, and what is known of each.
 *
 *   UNASKED ──► UNREACHED        asked who it is (srvr) before a client is first sent there; no answer so far
 *      └────────────┴──► UP ◄──► DOWN             it has told
 *                        ITSELF ◄──┘              it is this very process: passed over until it answers otherwise
 *
 * Addresses keep their index until they were left; one that its name no longer has is passed over, and left when
 * that stays so (names.h).
 */
#ifndef PK_IO_UPSTREAM_SERVERS_H
#define PK_IO_UPSTREAM_SERVERS_H

#include "base/list.h"
#include "io/config/selves.h"
#include "io/upstream/entrants.h"
#include "io/upstream/outage.h"
#include "io/upstream/probe.h"
#include "io/upstream/resolve.h"

enum {
    PK_MAX_ADDRESSES = 64,
    PK_VERSION_TEXT = 48,
    PK_BUILT_TEXT = 48,
    PK_STATE_TEXT = 24,
    PK_FAULT_TEXT = 96
};

enum pk_server_state {
    PK_SERVER_UNASKED,
    PK_SERVER_UNREACHED, /* it was asked who it is, and has never told */
    PK_SERVER_UP,        /* its newest probe was answered */
    PK_SERVER_DOWN,      /* it has told who it is, and does not serve now */
    PK_SERVER_ITSELF,    /* it is this process */
};

struct pk_loop;

struct pk_server {
    struct pk_upstream *upstream;
    union pk_address address;
    char name[PK_ADDRESS_TEXT];
    uint32_t names;  /* bit i: name i has this address; 0: passed over */
    uint32_t had;    /* bit i: it has had it */
    int64_t gone_us; /* since when no name has it; 0: one does */
    bool left;       /* lost for good: nobody may stay there */
    enum pk_server_state state;
    bool lost;                     /* uplinks broke, and it was asked too lately to be asked again at once */
    unsigned fails;                /* in a row */
    int64_t faults;                /* in all */
    int64_t fault_ms;              /* Unix time of the newest, 0 none */
    char fault[PK_FAULT_TEXT];     /* and what it was */
    int64_t asked_us;              /* start of the newest probe */
    int64_t retry_us;              /* until then it is tried after all others */
    char version[PK_VERSION_TEXT]; /* "3.8.0", empty when it does not tell */
    uint16_t release;              /* major and minor number of it, 0x0308; 0 when it does not tell */
    char built[PK_BUILT_TEXT];     /* "2024-12-29 17:54 UTC", "03/06/2019 16:18 GMT", or empty */
    char mode[PK_STATE_TEXT];      /* "leader", "read-only", empty when it does not tell */
    struct pk_list probes;         /* that run, oldest first */
    struct pk_list waiters;        /* of struct pk_waiter: until a probe has ended */
    struct pk_entrants queue;      /* until fewer are on their way in */
    struct pk_list questions;      /* whether it is lost (verdict.h): the probe that runs, */
    struct pk_list asks;           /* of struct pk_waiter: those for whom it runs, */
    struct pk_list asks_next;      /* and those who came later */
    int64_t patience_ms;           /* of the next question */
    int closed;                    /* so often it has closed instead of answering */
    int64_t served_us;             /* when the newest probe began by which it was found to serve */
    int64_t lost_us;               /* when the newest began by which it was found not to */
    int64_t zxid;                  /* its newest one, 0 when it does not tell */
    int64_t received;   /* packets, as it counted when it was asked last; 0 when it does not tell */
    int64_t counted_us; /* when that question began */
    int64_t order_us;   /* what was asked earlier has no place in the order of counts */
    int64_t anew_us;    /* it has begun anew since, and nobody who came earlier is there; */
    int64_t known_us;   /* when the question began that told so */
    int arriving;       /* uplinks that connect, or have not heard from it yet */
    int64_t first_us;   /* when the first of them began, since there was none */
    int wider;          /* so many more of these than at first may be */
    int64_t least_us;   /* the quickest answer that one of them had */
    int begun;          /* of these that it may not have accepted, at begun_us */
    int64_t begun_us;
    int answers; /* that they had since answers_us */
    int64_t answers_us;
    int64_t heard_us; /* when one of them had its answer last */
};

struct pk_upstream {
    struct pk_loop *loop;
    /* Called after a probe or a lookup has woken those that waited: what they asked of the core is to be done. */
    void (*settled)(void *owner);
    void *owner;
    struct pk_server servers[PK_MAX_ADDRESSES];
    int nservers;
    struct pk_name names[PK_MAX_SERVERS];
    struct pk_hostport wheres[PK_MAX_SERVERS]; /* what they are names of: the configuration's may change */
    int nnames, lookups;                       /* lookups: under way */
    struct pk_list nameless;                   /* of struct pk_waiter: until names are resolved */
    struct pk_list unserved;                   /* of struct pk_waiter: until a server serves */
    struct pk_list homeless; /* of struct pk_waiter: sessions that are held, until a server may take them */
    uv_timer_t verdicts;     /* runs while questions are to be asked again, or somebody is homeless */
    uv_timer_t urgent;       /* runs while clients wait and no server serves */
    uv_timer_t pace;         /* runs while arrivals wait for time to pass */
    int64_t resolved_us;     /* start of the newest round of lookups */
    int64_t probed_us;       /* start of the newest round of probes */
    uint64_t random;
    struct pk_selves selves; /* where we listen ourselves */
    bool served;             /* a server that is not ourselves has answered once */
    bool itself;             /* the first lookup of a name led to ourselves */
    bool failed;             /* a server has failed since the newest lookup: its name may be elsewhere */
    bool leaving;            /* connections may be at a server that was left */
    struct pk_outage outage;
    bool closing;
};

/* It has told who it is: clients may be sent there. */
static inline bool pk_server_told(const struct pk_server *server)
{
    return server->state == PK_SERVER_UP || server->state == PK_SERVER_DOWN;
}

/* Notes what a server is now, and says in the log when it has begun or ceased to serve. */
void pk_server_move(struct pk_server *server, enum pk_server_state to, const char *why);
/* It does not serve: DOWN or UNREACHED, by what it was; tried last for a time. */
void pk_server_fail(struct pk_server *server, const char *why);
/* Has a server tried last for a time that doubles with each failure; many failures at once are one. */
void pk_server_back_off(struct pk_server *server);

/* True when clients may be given to it, if it serves: it has a name, and is not found to be ourselves. */
static inline bool pk_server_usable(const struct pk_server *server)
{
    return server->names != 0 && server->state != PK_SERVER_ITSELF;
}
const struct sockaddr *pk_upstream_address(const struct pk_upstream *upstream, int server);
const char *pk_upstream_name(const struct pk_upstream *upstream, int server);
/* The configured name that led to the server, which its certificate must have; as long as the configuration lives. */
const char *pk_server_host(const struct pk_server *server);
const char *pk_upstream_host(const struct pk_upstream *upstream, int server);
/* No name has its address any more: who is there must leave. */
bool pk_upstream_was_left(const struct pk_upstream *upstream, int server);
/* Every name has been looked up at least once. */
bool pk_upstream_named(const struct pk_upstream *upstream);
/* A server that answers and takes writes, at random, for a session of our own; -1 when none does. */
int pk_upstream_serving(struct pk_upstream *upstream);
/* A number at random. */
uint64_t pk_upstream_roll(struct pk_upstream *upstream);

/* What the ensemble is like, for four-letter words. */
struct pk_ensemble_state {
    int servers, up;     /* addresses in use; those that answered */
    bool read_only;      /* some answered, and all of these serve reads only */
    const char *version; /* of the first that tells, "" when none does */
    const char *built;   /* of the same one, as it writes it */
    const char *mode;    /* "leader" when one of them is, else of the first that tells, "" when none does */
};
struct pk_ensemble_state pk_upstream_state(const struct pk_upstream *upstream);

#endif
