/*
 * Which server a client should try next.
 */
#ifndef PK_IO_UPSTREAM_CHOOSE_H
#define PK_IO_UPSTREAM_CHOOSE_H

#include "io/loop/wait.h"
#include "io/upstream/servers.h"

enum pk_pick {
    PK_PICK_SERVER, /* connect to it */
    PK_PICK_PROBE,  /* it has to be probed first: pk_upstream_wait */
    PK_PICK_NAMES,  /* no address yet: pk_upstream_wait_names */
    PK_PICK_NONE,   /* all have been tried */
};

/* A server for a client that has tried the ones in the set; at random among those that did not fail lately. */
enum pk_pick pk_upstream_pick(struct pk_upstream *upstream, uint64_t tried, int *server);
/* Waits for a server's probe, which is started; may go on from within. */
void pk_upstream_wait(struct pk_upstream *upstream, int server, struct pk_waiter *wait);
/* Waits until names are resolved. */
void pk_upstream_wait_names(struct pk_upstream *upstream, struct pk_waiter *wait);

/* No connection to the server came about. */
void pk_upstream_failed(struct pk_upstream *upstream, int server, const char *why);
/* The server accepted a client's connection but gave no session. */
void pk_upstream_left(struct pk_upstream *upstream, int server, enum pk_close why);

#endif
