/*
 * A model ensemble of three servers. What is written goes to the leader, gets a zxid and a place in one log, is
 * committed when a quorum has it, and is carried out by each server in its own time on a tree of its own; reads,
 * pings and watches are the server's alone. The leader keeps the sessions; followers tell it of signs of life late,
 * and a new leader starts all their timers anew. A server that has lost its leader, or a leader its quorum, does not
 * know it for a while, and goes on answering what it can alone.
 *
 * The operations themselves are those of tests/sim/zk_ops.h, on one struct zk for each server.
 */
#ifndef PK_TESTS_SIM_GROUP_ENSEMBLE_H
#define PK_TESTS_SIM_GROUP_ENSEMBLE_H

#include "net.h"
#include "tests/sim/tree.h"

enum { ENSEMBLE_TICK_MS = 500 };

void ensemble_start(struct world *w);
void ensemble_stop(struct world *w);
void ensemble_hears(struct world *w, int server, const struct net_news *news);

/* Faults. A server that ends keeps what it had; it comes back with it. */
void ensemble_kill(struct world *w, int server);
void ensemble_revive(struct world *w, int server);
/* The server carries committed writes out so much later, until a time. */
void ensemble_lag(struct world *w, int server, int64_t lag_us, int64_t until_us);

/* What somebody does past all members, at the leader; an error of ZooKeeper, or -1 when there is no leader. */
int ensemble_bypass_delete(struct world *w, const char *path);
void ensemble_bypass_create(struct world *w, const char *path, const char *data, int perms);
/* The tree as committed; NULL while nobody leads. */
const struct tree *ensemble_tree(const struct world *w);
/* What a server answers to srvr: its zxid, or -1 when it does not serve. */
int64_t ensemble_srvr(const struct world *w, int server);
/* True while the session is valid. */
bool ensemble_session(const struct world *w, int64_t session);
/* How long there was no leader since a time, and how often one was elected. */
int64_t ensemble_leaderless_us(const struct world *w, int64_t since_us);
int ensemble_elections(const struct world *w, int64_t since_us);
/* Write transactions of clients so far. */
uint64_t ensemble_writes(const struct world *w);

#endif
