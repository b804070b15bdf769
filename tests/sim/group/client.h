/*
 * Clients as libraries are: a list of members, a session that they take up again wherever they get, pings after a
 * third of the timeout without another request, a connection given up after two thirds without an answer, watches set
 * again after a reconnect, and an unknown outcome of whatever was under way when a connection was lost.
 *
 *   AWAY ──next member of the list──► CONNECTING ──► GREETING (connect request) ──► ON ──lost──► AWAY
 *
 * Workers write their znode, readers read all of them, a watcher follows two by watches, a locker has an ephemeral
 * znode and asks for what memory cannot answer. In a wide world (world.h) a gatherer asks for several znodes at once
 * (gather.h), and a follower has lasting watches, or one on a list (follow.h). In a varied one the locker makes
 * sequential znodes (numbered.h), and readers close their sessions.
 */
#ifndef PK_TESTS_SIM_GROUP_CLIENT_H
#define PK_TESTS_SIM_GROUP_CLIENT_H

#include "net.h"
#include "oracle.h"

enum { CLIENT_TIMEOUT_MS = 12000, REQUESTS = 16, PARTS_MAX = 6, LIST_PART = -1 };

/* How many there are where the world is not wide, and where it is. */
enum { CLIENTS_PLAIN = ORACLE_PATHS + 4, CLIENTS_WIDE = CLIENTS_PLAIN + 2 };

enum role { WORKER, WATCHER, READER, LOCKER, GATHERER, FOLLOWER };
enum client_state { AWAY, CONNECTING, GREETING, ON };
/* What a worker was told to be missing. */
enum absence { ABSENT_NOT, NO_ZNODE, NO_PARENT };

struct request {
    int xid, op, path;
    int n; /* the write, 0 none */
    bool conditional, locks, numbers;
    int64_t asked_us;
    int nparts, parts[PARTS_MAX]; /* of a multiRead: data of a path, or LIST_PART */
    struct oracle_floor floors[ORACLE_PATHS];
};

/* What a watcher knows of a znode. */
struct watched {
    int path;
    bool set, asked; /* the watch stands; a request that sets it is under way */
    bool absent;
    int known; /* newest write seen */
    int64_t told_us;
};
enum { WATCHED = 2, INSISTED = 3 /* whom it follows where it insists (world.h) */ };

/* What a reader, or a locker, was last told of the counters of the parent. */
struct counters {
    uint32_t era;
    int64_t czxid, pzxid;
    int cversion, children;
    int64_t told_us;
};

/* What a follower knows of a znode. */
struct followed {
    bool dirty;  /* it is to be read */
    bool told;   /* an event has come since it was read */
    bool steady; /* it was read on this connection, behind the answer to what watches it */
    bool absent;
    int known; /* newest write seen */
};

struct following {
    bool standing;
    int asked; /* answers that are awaited before it stands */
    struct followed of[ORACLE_PATHS];
};

/* What a locker knows of its sequential znodes. */
struct numbered {
    bool any, stands; /* the newest one is there, in path */
    bool asked;       /* one is being made, or removed */
    long newest;
    uint32_t era;
    char path[64];
};

struct client {
    enum role role;
    enum client_state state;
    int number, end, next_member, at;
    uint32_t gen; /* of the connection */
    int64_t session, key, zxid;
    int32_t xid;
    int pings;
    enum absence absent;
    int64_t state_us, heard_us, wrote_us, act_us, answered_us, again_us;
    int64_t begun_us, tick_us; /* the next tick, which is some tenths of a second after its begin */
    int first, last;
    struct request requests[REQUESTS];
    struct watched watched[WATCHED];
    struct following following;
    struct numbered numbered;
    bool closing;   /* it has closed its session */
    int64_t locked; /* the session whose ephemeral znode was acknowledged */
    struct counters counters;
    struct sup_buf in;
    int disconnects, expired;
    uint64_t answers;
};

void clients_start(struct world *w);
void clients_stop(struct world *w);
void client_hears(struct world *w, int c, const struct net_news *news);
/* Its process ends; another one comes in its place, with a session of its own. */
void client_dies(struct world *w, int c, bool host, int64_t restart_us);

#endif
