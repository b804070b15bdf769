/*
 * The world in which a group is simulated: one seed, one virtual clock, one queue of what happens next, and hosts
 * with a process each.
 *
 *   clients ──┐                   ┌── servers of the ensemble (ensemble.h)
 *   (client.h)├── the network ────┤
 *   members ──┘   (net.h)         └── members (member.h): the real core
 *
 * Everything that happens is an event in the queue, in the order of its time and then of its making, so that a seed
 * and a list of faults (fault.h) are the whole of a schedule.
 */
#ifndef PK_TESTS_SIM_GROUP_WORLD_H
#define PK_TESTS_SIM_GROUP_WORLD_H

#include "tests/lib/support.h"

enum { MEMBERS_MAX = 4, SERVERS = 3, CLIENTS_MAX = 16, HOSTS_MAX = MEMBERS_MAX + SERVERS + CLIENTS_MAX + 1 };

struct world;
struct net;
struct ensemble;
struct member;
struct client;
struct oracle;
struct watchdog;
struct faults;
struct foreign;

/* What an event calls: two numbers of whoever made it. */
typedef void world_go(struct world *w, int a, int64_t b);

struct world_event {
    int64_t at;
    uint64_t order;
    world_go *go;
    int a;
    int64_t b;
};

/* A host and its process. A process that ends and one that comes in its place differ in boot. */
struct host {
    bool alive; /* its process is there */
    bool lost;  /* nothing reaches it or leaves it */
    bool deaf;  /* its process has closed its ports, and ends */
    uint32_t boot;
    int64_t paused_until; /* its process is stopped until then */
    int64_t troubled_us;  /* when it was last cut off or paused, or this ended */
};

struct world {
    int64_t now_us, end_us;
    struct sup_rng rng;
    struct world_event *queue; /* a heap */
    size_t nqueue, cap;
    uint64_t orders, events;
    int nmembers, nclients;
    int64_t beat_us; /* workers beat about so often; 0: at random, several times a second at most */
    bool insists;    /* the watcher follows what memory holds, and asks for its data until it is there */
    bool lagging;    /* any znode may be the ensemble's, whose servers lag */
    bool wide;       /* there are a gatherer and a follower, and workers write in other ways, too */
    bool varied;     /* there are sequential znodes, and sessions that clients close */
    int numbered;    /* sequential znodes that may be there, at most */
    enum { FOLLOWS_PATHS, FOLLOWS_LIST, FOLLOWS_ALL } follows;
    struct host hosts[HOSTS_MAX];
    struct net *net;
    struct ensemble *ensemble;
    struct member *members;
    struct client *clients;
    struct oracle *oracle;
    struct watchdog *watchdog;
    struct faults *faults;
    struct foreign *foreign;
    bool trace, trace_all; /* what happens is said; answers, too */
    char wrong[400];       /* the first finding, "" while there is none */
};

/* Hosts are numbered: members, then servers, then clients; the last one is somebody who bypasses the members. */
static inline int host_member(int i)
{
    return i;
}
static inline int host_server(int i)
{
    return MEMBERS_MAX + i;
}
static inline int host_client(int i)
{
    return MEMBERS_MAX + SERVERS + i;
}
static inline bool is_member(int host)
{
    return host < MEMBERS_MAX;
}
static inline bool is_server(int host)
{
    return host >= MEMBERS_MAX && host < MEMBERS_MAX + SERVERS;
}

void world_init(struct world *w, uint64_t seed);
void world_free(struct world *w);
/* Something happens at a time, now at the earliest. */
void world_at(struct world *w, int64_t at_us, world_go *go, int a, int64_t b);
/* Lets the next event happen; false when there is none before the end. */
bool world_next(struct world *w);
/* from .. to-1 */
int64_t world_between(struct world *w, int64_t from, int64_t to);
/* True once in n times. */
bool world_chance(struct world *w, uint32_t n);
bool world_runs(const struct world *w, int host);
/* The same; where the process is stopped, what calls this is to be called again when it goes on. */
bool world_runs_now(struct world *w, int host, world_go *go, int a, int64_t b);
/* Unix time, ms. */
int64_t world_wall_ms(const struct world *w);
void world_trace(const struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The first finding ends the schedule. */
void world_wrong(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
