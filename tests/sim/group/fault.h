/*
 * Faults: what is done to the world, when, and for how long. A list of them, a seed and some settings are a schedule
 * (schedule.h).
 */
#ifndef PK_TESTS_SIM_GROUP_FAULT_H
#define PK_TESTS_SIM_GROUP_FAULT_H

#include "net.h"
#include "tests/sim/tree.h"

/* Moments of the protocol, at which a fault may wait to be done. */
#define MOMENTS                                                                                              \
    X(TRYING, "trying")             /* the multi that makes a primary leaves */                              \
    X(PRIMARY_MADE, "primary-made") /* the ensemble has it */                                                \
    X(LIST_SENT, "list-sent")       /* a change of the list of copies leaves */                              \
    X(LIST_MADE, "list-made")                                                                                \
    X(SESSION_CLOSED, "session-closed") /* a member closes a session */                                      \
    X(PROMOTION_SENT, "promotion-sent")                                                                      \
    X(PROMOTION_MADE, "promotion-made")                                                                      \
    X(FLUSH_SENT, "flush-sent")                                                                              \
    X(FLUSH_MADE, "flush-made")                                                                              \
    X(HELLO, "hello")                                                                                        \
    X(WELCOME, "welcome")                                                                                    \
    X(SNAPSHOT, "snapshot") /* its begin */                                                                  \
    X(SNAPSHOT_END, "snapshot-end")                                                                          \
    X(RECORD, "record")                                                                                      \
    X(ACK, "ack")                                                                                            \
    X(GOODBYE, "goodbye")                                                                                    \
    X(RELAY, "relay")       /* a standby's client connects to the primary */                                 \
    X(ATTACH, "attach")     /* a session is taken up again by a member */                                    \
    X(QUESTION, "question") /* a primary asks whether it reigns */

enum moment {
#define X(name, text) MOMENT_##name,
    MOMENTS
#undef X
        MOMENT_COUNT
};

/* a is a member, a server or a client, b a second one where there are two. */
#define FAULTS                                                                                               \
    X(KILL, "kill")           /* a member's process; it is back after the time */                            \
    X(HOST_LOST, "host-lost") /* the same, and nothing is said to anybody */                                 \
    X(PAUSE, "pause")                                                                                        \
    X(LEAVE, "leave") /* SIGTERM */                                                                          \
    X(CUT_MEMBERS, "cut-members")                                                                            \
    X(CUT_FRONT, "cut-front")   /* a member from all servers */                                              \
    X(CUT_SERVER, "cut-server") /* a member from one server */                                               \
    X(CUT_CLIENT, "cut-client") /* a client from a member */                                                 \
    X(ISOLATE, "isolate")       /* a member from all */                                                      \
    X(CUT_BACK, "cut-back")     /* a member from servers and members, clients still reach it */              \
    X(SLOW_MEMBERS, "slow-members")                                                                          \
    X(SLOW_FRONT, "slow-front")                                                                              \
    X(RESET, "reset")   /* the connections between two members */                                            \
    X(REFUSE, "refuse") /* a member's port for members */                                                    \
    X(NO_QUORUM, "no-quorum")                                                                                \
    X(SERVER_ALONE, "server-alone") /* a server from the others */                                           \
    X(SERVER_DIES, "server-dies")                                                                            \
    X(SERVER_PAUSE, "server-pause")                                                                          \
    X(SERVER_LAGS, "server-lags")                                                                            \
    X(WIPE_PRIMARY, "wipe-primary")                                                                          \
    X(WIPE_ALL, "wipe-all") /* the list of copies, too */                                                    \
    X(CLIENT_DIES, "client-dies")                                                                            \
    X(CLIENT_LOST, "client-lost")                                                                            \
    X(FOREIGN, "foreign") /* somebody makes a znode of his at the path of a worker */

enum fault_kind {
#define X(name, text) FAULT_##name,
    FAULTS
#undef X
        FAULT_COUNT
};

struct fault {
    enum fault_kind kind;
    int64_t
        at_us; /* after the begin; at a moment: from then on it is waited for, and done so long after it */
    int64_t for_us;
    int a, b;
    int moment; /* -1: at its time */
    int nth;    /* so many of these moments pass before */
    int64_t delay_us;
    bool
        sender; /* at a moment: a is the member that sends, else the one that is sent to; at a time: the primary */
};

enum { FAULTS_MAX = 40, FAULTS_FROM_US = 9000000, FAULTS_UNTIL_US = 31000000 };

struct faults;

extern const char *const fault_names[FAULT_COUNT];
extern const char *const moment_names[MOMENT_COUNT];

void faults_start(struct world *w, const struct fault *list, int n);
void faults_stop(struct world *w);
/* Draws one. */
struct fault fault_draw(struct world *w);

/* Bytes leave one host for another. */
void faults_see(struct world *w, int from, int to, enum net_port port, const uint8_t *p, size_t len);
/* The ensemble has carried out a change. */
void faults_change(struct world *w, const struct tree_change *c);
void faults_moment(struct world *w, enum moment moment, int member);

/* When the last of them is over, after the begin of the world; what waits for a moment counts when it has come. */
int64_t faults_over_us(const struct world *w);
/* When the newest of them began, or the first of all could have. */
int64_t faults_begun_us(const struct world *w);
/* How much later bytes may have come because of them since a time. */
int64_t faults_delay(const struct world *w, int64_t since_us);
/* So many were done. */
int faults_done(const struct world *w);
/* The member's port refuses, or did a moment ago. */
bool faults_refused(const struct world *w, int m);
/* Nothing was done lately that may cost anybody a connection, or a session. */
bool faults_spare_connections(const struct world *w);
bool faults_spare_sessions(const struct world *w);

#endif
