/* Between the parts of the model ensemble: servers and requests (server.c), log, leader and sessions (quorum.c), and
 * the whole (ensemble.c). */
#ifndef PK_TESTS_SIM_GROUP_ENSEMBLE_IN_H
#define PK_TESTS_SIM_GROUP_ENSEMBLE_IN_H

#include "ensemble.h"
#include "tests/sim/zk_ops.h"

enum { SESSIONS = 1024, ELECTIONS = 256, PASSWD = 16 };

/* A request of a connection that waits for its turn at the server. */
struct ask {
    struct ask *next;
    int xid, op;
    bool sent;   /* to the leader */
    bool ready;  /* its entry has been carried out here: answer is made */
    bool synced; /* a sync that the leader has answered: ready when the server has carried need entries out */
    size_t need;
    struct sup_buf answer;
    size_t len;
    uint8_t bytes[]; /* the body */
};

/* A connection of a server; its place is its link in the server's struct zk. */
struct front {
    bool used, connected;
    uint32_t gen;
    int end; /* net.h */
    struct {
        bool asked, sent, read_only_byte;
        int64_t session, key;
        int timeout_ms;
    } connect;
    int64_t session;
    struct sup_buf in;
    struct ask *first, **last;
};

struct server {
    struct zk zk; /* what it has carried out, and its watches */
    struct world *world;
    int number;
    int top; /* fronts beyond have never been used */
    struct front fronts[ZK_LINKS];
    bool serving;    /* it follows or leads, as far as it knows */
    bool leads;      /* as far as it knows */
    int64_t lone_us; /* since when it has not heard of its leader, or the leader of a quorum; 0: it has */
    int64_t join_us; /* when it may serve again, 0: nobody to join */
    int64_t lag_us, lag_until;
    size_t applied;         /* entries of the log */
    bool touched[SESSIONS]; /* signs of life that the leader has not been told of */
};

enum entry_kind { ENTRY_REQUEST, ENTRY_OPEN, ENTRY_CLOSE };

struct entry {
    enum entry_kind kind;
    int64_t zxid, wall_ms, session, committed_us;
    int server, front; /* whose answer it is, -1 nobody's */
    uint32_t gen;
    struct ask *ask;
    int xid, op;
    char user[16];
    size_t len;
    uint8_t *bytes; /* the body of the request */
};

/* As the leader knows it. */
struct session {
    int64_t id;
    int timeout_ms;
    int64_t touched_us;
    bool alive, closing;
    int server, front; /* where it is */
    uint32_t gen;
};

struct ensemble {
    struct server servers[SERVERS];
    struct entry *log;
    size_t nlog, cap, committed, seen; /* seen: entries that the watchdog has been shown */
    int leader;                        /* the one that can commit, -1 none */
    int64_t epoch, counter, patience_us;
    int64_t leaderless_since, ready_since, ready_after;
    int elections; /* after the first */
    struct {
        int64_t at_us, leaderless_us;
    } elected[ELECTIONS];
    uint64_t writes;
    int nsessions;
    struct session sessions[SESSIONS];
};

/* ---- log, leader, sessions (quorum.c) ---- */
void quorum_start(struct world *w);
void quorum_stop(struct world *w);
/* The connection has something for the leader. */
void quorum_ask(struct world *w, int server, int front);
struct session *quorum_session(struct ensemble *e, int64_t id);
/* An entry that nobody's connection waits for; its body is copied. */
void quorum_append(struct world *w, enum entry_kind kind, int64_t session, int op,
                   const struct sup_buf *body);
int64_t quorum_key(int64_t session);

/* ---- servers (server.c; ensemble_hears of ensemble.h is there, too) ---- */
static inline struct server *server_of(const struct world *w, int server)
{
    return &w->ensemble->servers[server];
}
/* Carries the next entry of the log out at a server. */
void server_apply(struct world *w, int server, const struct entry *entry);
/* The leader's verdict on a connect request: the session is valid, 0 it is not. */
void server_connected(struct world *w, int server, int front, int64_t session);
/* It serves no more: its connections close. */
void server_stops(struct world *w, int server);
void server_close_front(struct world *w, int server, int front);
/* What it has of requests and bytes is freed, and its place is free. */
void server_clear_front(struct front *f);
/* Answers whatever can be answered at the head of a connection. */
void server_advance(struct world *w, int server, int front);

#endif
