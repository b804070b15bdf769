/*
 * Is a server lost? And which others may take its sessions up? Asked anew each time (srvr), because only what a server
 * says after the loss counts; one question serves all that wait for it.
 */
#ifndef PK_IO_UPSTREAM_VERDICT_H
#define PK_IO_UPSTREAM_VERDICT_H

#include "io/loop/wait.h"
#include "io/upstream/servers.h"

/* With the upstream: makes its timer, and closes it. */
void pk_verdicts_init(struct pk_upstream *upstream);
void pk_verdicts_close(struct pk_upstream *upstream);

/*
 * Asks a server, from now on, and the others too, so that it is known where its sessions may go. wait->go is told
 * whether it is lost (turned_away): it refuses, is silent for patience_ms, or says that it does not serve, or reads
 * only. One that closes each time serves: it is full. pk_server.zxid is what it told.
 */
void pk_verdict_wait(struct pk_upstream *upstream, int server, int64_t patience_ms, struct pk_waiter *wait);

/* A server for a session that was lost at lost_us: it has been found to serve by a question begun since, at random
 * among those that did not fail lately; -1: none so far. */
int pk_verdict_pick(struct pk_upstream *upstream, uint64_t tried, int64_t lost_us);
/* Waits until one may have been found; servers are asked meanwhile. */
void pk_verdict_wait_any(struct pk_upstream *upstream, struct pk_waiter *wait);

#endif
