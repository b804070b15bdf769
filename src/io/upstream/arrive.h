/*
 * Who is on the way in to a server: uplinks that connect, or wait for its first answer. The others wait in its queue.
 */
#ifndef PK_IO_UPSTREAM_ARRIVE_H
#define PK_IO_UPSTREAM_ARRIVE_H

#include "io/loop/wait.h"
#include "io/upstream/servers.h"

/*
 * How many may begin at once, half of what a server's queue of connections not accepted holds; how many may be on
 * their way at first; and how many while the server has answered nobody, twice what it works on at a time.
 */
enum { PK_ARRIVALS = 24, PK_ARRIVALS_FIRST = 128, PK_ARRIVALS_UNHEARD = 2000 };

/* With the upstream: makes its timer, and closes it. */
void pk_arrivals_init(struct pk_upstream *upstream);
void pk_arrivals_close(struct pk_upstream *upstream);

/* Takes a place among those on their way in; false: it waits in the queue, until there is a place or the server will
 * not do. due_us: the deadline of a session that is held, 0 for others (entrants.h). */
bool pk_upstream_arrive(struct pk_upstream *upstream, int server, struct pk_waiter *wait, int64_t due_us);
/*
 * Gives a place back that was taken at since_us, because the server answered, or without an answer; those of the queue
 * for whom there is room go on. Not from within what a wait calls.
 */
void pk_upstream_arrived(struct pk_upstream *upstream, int server, int64_t since_us, bool answered);
/* Time has passed: those of the queues for whom there is room now go on. */
void pk_upstream_pace(struct pk_upstream *upstream);
/* A connect begun at since_us was not answered in time, and yet the server lives, because it answered others meanwhile:
 * its queue was full. */
bool pk_upstream_crowded(const struct pk_upstream *upstream, int server, int64_t since_us);
/* The server refuses: half as many as now. */
void pk_server_narrow(struct pk_server *server);

#endif
