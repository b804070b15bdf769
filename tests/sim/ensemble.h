/*
 * A model of an ensemble of several servers, each with what it has applied so far: they lag, die, hang, come back and
 * elect. The operations are those of zk.h; what one server does is what it does alone with the transactions it has.
 *
 *   DEAD ──start──► LOOKING ──a leader and time──► SERVING ──kill──► DEAD
 *                      ▲                              │
 *                      └── its leader, or its quorum, is gone ──┘       freeze/thaw: at any moment, in any state
 *
 *   client's write ──► its server ──► leader: log (committed) ──► each server applies when it gets there:
 *                                                                 events to its watchers, the answer to its client
 *
 * A write is committed when a quorum of servers that are awake serves; it is answered when its own server has applied
 * it. Reads are answered from what the server has. sync waits until its server has what was committed. A session may be
 * taken up at any server that has what its client has seen; the old connection notices with its next write. Sessions
 * are touched by what a server takes from a connection, and expire where there is a leader that is awake.
 *
 * Shares with the product the names of the numbers on the wire, and nothing else. Time is what the caller says it is.
 */
#ifndef PK_TESTS_SIM_ENSEMBLE_H
#define PK_TESTS_SIM_ENSEMBLE_H

#include "zk.h"

enum { ENSEMBLE_MOST = 5, ENSEMBLE_SESSIONS = 512 };

enum ensemble_state { ENSEMBLE_DEAD, ENSEMBLE_LOOKING, ENSEMBLE_SERVING };

/* What a server says when it is asked (srvr): refuses the connection, is silent, or answers one of the two. */
enum ensemble_says { ENSEMBLE_REFUSES, ENSEMBLE_SILENT, ENSEMBLE_NOT_SERVING, ENSEMBLE_SERVES };

/* The other end of a connection; each has its own, so that several proxies and clients may share an ensemble. */
struct ensemble_peer {
    /* A frame, length word included. Not called again for a link after its hangup, nor after ensemble_eof. */
    void (*emit)(void *ctx, int link, const uint8_t *p, size_t len);
    void (*hangup)(void *ctx, int link);
    void *ctx;
};

struct ensemble_session {
    int64_t id; /* its password is 16 times 'p' */
    int timeout_ms;
    int64_t touched_ms;
    int owner; /* the server that took it up last */
    bool alive;
};

/* A committed transaction. */
struct ensemble_txn {
    int64_t zxid, now_ms, session;
    int op, xid;      /* PK_OP_*, PK_OP_CLOSE_SESSION for an expiry too, ENSEMBLE_OPEN_SESSION */
    int link;         /* whose answer it is; -1: nobody's */
    uint64_t serial;  /* of that connection */
    char user[16];    /* who addauth said it is */
    struct sup_buf b; /* the request behind its header */
};
enum { ENSEMBLE_OPEN_SESSION = -10 };

struct ensemble_link {
    struct ensemble_peer peer;
    bool open, connected, eof;
    uint64_t serial;
    struct sup_buf in; /* frames that the server has not looked at */
    size_t off;
    size_t waits; /* for so many transactions to be applied here: 0: for nothing */
    int sync_xid; /* that is what it waits for */
    bool syncs;
};

struct ensemble_server {
    struct ensemble *ensemble;
    enum ensemble_state state;
    bool frozen, dropped; /* dropped: the leader has given it up while it was frozen */
    bool silent;          /* it is being killed: what it does now is not answered */
    bool lags;            /* it applies nothing by itself (ensemble_apply); not heeded while it leads */
    int64_t frozen_ms, looking_ms;
    size_t applied;
    struct ensemble_link links[ZK_LINKS];
    struct zk zk; /* its tree, as of applied, and its watches */
};

struct ensemble {
    int n, leader; /* -1: none */
    int epoch;
    int64_t counter, now_ms;
    int64_t sync_ms;  /* so long a frozen leader is followed, a frozen follower waited for; 0 means 3 s */
    int64_t elect_ms; /* so long an election takes, and joining; 0 means 300 ms */
    int64_t alone_ms; /* since when the leader has no quorum; 0: it has one */
    int64_t leaderless_ms; /* since when there could be an election; 0: there could not */
    uint64_t serial;
    struct ensemble_txn *log;
    size_t nlog, log_cap, told; /* told: so many have been given to committed */
    int nsessions;
    struct ensemble_session sessions[ENSEMBLE_SESSIONS];
    bool takes_old, forgets_sync,
        writes_twice; /* defects: sessions whose client has seen more are taken up; sync does not
                                   wait; what clients write is committed twice */
    /* Each transaction, when the first server has applied it, whose tree is ensemble_tree(). NULL: none. */
    void (*committed)(void *ctx, const struct ensemble_txn *txn);
    void *ctx;
    struct ensemble_server servers[ENSEMBLE_MOST];
};

/* n servers that serve, the first one leads. tell_zxid: events carry zxids, as from 3.9.0 on. */
void ensemble_init(struct ensemble *e, int n, bool tell_zxid);
void ensemble_free(struct ensemble *e);

/* Connects to a server; the connection's number, -1 when it refuses. A frozen one takes it. */
int ensemble_connect(struct ensemble *e, int server, const struct ensemble_peer *peer);
/* A frame's payload from a connection: the first one is the connect request. Looked at by ensemble_turn. */
void ensemble_feed(struct ensemble *e, int link, const uint8_t *p, size_t len);
/* The other side closed: the server notices when it has looked at the frames before. */
void ensemble_eof(struct ensemble *e, int link);
/* Servers that are awake look at what has come, and apply what they have not, one step each; false: nothing to do. */
bool ensemble_turn(struct ensemble *e);
/* Time has come: sessions expire, leaders are given up and elected, servers join. */
void ensemble_time(struct ensemble *e, int64_t now_ms);
/* A server that lags applies so many transactions. */
void ensemble_apply(struct ensemble *e, int server, int n);

/* It ends, after it has looked at one frame more of each connection, when last: what these do is done and not
 * answered. */
void ensemble_kill(struct ensemble *e, int server, bool last);
void ensemble_start(struct ensemble *e, int server);
void ensemble_freeze(struct ensemble *e, int server);
/* It goes on. One that was given up meanwhile notices late: it answers first, from what it has, what has come. */
void ensemble_thaw(struct ensemble *e, int server, bool late);

enum ensemble_says ensemble_ask(const struct ensemble *e, int server, int64_t *zxid);
/* Writes can be committed now. */
bool ensemble_commits(const struct ensemble *e);
struct ensemble_session *ensemble_session(struct ensemble *e, int64_t id);
/* The tree with all that was committed: the leader's, or that of the server that has applied most. */
const struct tree *ensemble_tree(const struct ensemble *e);

static inline int ensemble_server_of(int link)
{
    return link / ZK_LINKS;
}

#endif
