/*
 * Random clients of several servers, each as a client library is: it leaves watches, reads, writes and beats, pings
 * when it has nothing to say, reconnects with its session when it is closed and sets its watches again. What it hears
 * is compared with what is true (servers_oracle.h).
 */
#ifndef PK_TESTS_SIM_SERVERS_CLIENTS_H
#define PK_TESTS_SIM_SERVERS_CLIENTS_H

#include "ensemble_uplink.h"
#include "servers_oracle.h"

enum { CLIENTS = 3, ASKS = 64, T_MS = 10000, UNARMED = -2 };

/* Defects of what is between the clients and the proxy. */
enum client_fault { CLIENTS_SOUND, EVENT_LOST, EVENT_TWICE, EVENT_LATE, CLOSE_UNHEARD, ANSWER_UNHEARD };

struct ask {
    int xid, op, path;
    bool watch, recursive;
};

struct armed {
    int64_t value, zxid; /* what was shown, by an answer of that zxid */
    int uplink;          /* then: another one means that there was a gap */
};

struct person {
    int c, connections; /* connections: so many so far */
    bool connected;
    bool admitted;              /* something was answered on this connection: memory answers from then on */
    int64_t session, last_zxid; /* last_zxid: of the newest answer, as libraries keep it */
    int64_t seen;               /* the highest zxid of any answer or event outside mounts */
    int xid;
    struct armed armed[PATHS][ABOUTS];
    struct {
        bool on, recursive;
        int64_t zxid; /* events until then have come */
    } lasting[PATHS];
    struct ask asks[ASKS];
    int nasks;
    bool beats; /* its znode below the mount is there */
    bool resetting,
        doubled[PATHS]; /* its own setWatches is under way; which tells of these twice when they are gone */
    int64_t spoke_us, awake_us; /* awake_us: since when it is not asleep */
    int64_t up_us, upward_us;   /* the newest frame upstream, and the first one after a pause */
    int64_t asleep_until_us;
    uint64_t fed;
    int64_t fed_us;
};

extern struct person persons[CLIENTS];
extern char wrong[200]; /* empty: nothing is */
extern enum client_fault client_fault;
extern bool client_fault_done;
extern int64_t events_in_all, answers_in_all;

void say(const char *what, int who, int path);
/* A line about what happens, with PK_TRACE. */
void trace(const struct sim_ground *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern bool tracing;

void person_arrive(struct sim_ground *g, int who);
/* One random request. */
void person_ask(struct sim_ground *g, int who, struct sup_rng *rng);
void person_sleep(struct sim_ground *g, int who, int64_t us);
/* It hears what has come, pings where it is time to, and comes back when it was closed. */
void person_tend(struct sim_ground *g, int who);
/* A frame that the core wrote upstream for it: was it alive lately, when it is one that shows that? */
void person_life(struct sim_ground *g, int c, const uint8_t *p, size_t len);

#endif
