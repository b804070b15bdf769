/*
 * The uplink of a pair: a server is looked for, connected to and left.
 *
 *   pick a server ──► (wait for names, a probe, or a place in the queue) ──► CONNECTING ──► (TLS) ──► OPEN
 *        ▲                                                                       │            │
 *        └───────────────── refused, silent, or given up by the core ◄───────────┴────────────┘
 */
#ifndef PK_IO_CONN_DIAL_H
#define PK_IO_CONN_DIAL_H

#include <stdint.h>

#include "io/loop/wait.h"
#include "io/transport/side.h"

struct pk_call;
struct pk_pairs;
struct pk_pair;

/* Looks for a server not tried yet; reports PK_UPLINK_FAILED to the core when there is none. */
void pk_dial_open(struct pk_pair *pair);
/* The same for a session that is held since lost_us, until due_us: until a server takes it, or the core gives up. */
void pk_dial_attach(struct pk_pair *pair, int64_t lost_us, int64_t due_us);
/* The same for an uplink to another member, which call describes and is given over; NULL: memory was short. */
void pk_dial_member(struct pk_pair *pair, struct pk_call *call);
/* Bytes of a member, or its end, while such an uplink opens: what of them is the protocol's. */
struct pk_received pk_dial_answered(struct pk_pair *pair, const struct pk_received *in);
/* Has the uplink's server asked whether it serves; reports PK_SERVER_SERVES or PK_SERVER_LOST to the core. */
void pk_dial_ask(struct pk_pair *pair);
/* Ends what the uplink is or waits for. */
void pk_dial_close(struct pk_pair *pair);
/* The handshake of TLS with the server is done. */
void pk_dial_opened(struct pk_pair *pair);
/* It has failed, or the server has closed in the middle of it (NULL). */
void pk_dial_refused(struct pk_pair *pair, const char *why);
/* The server has sent something: another may come in its place. */
void pk_dial_heard(struct pk_pair *pair);
/* The go of a pair's wait: it looks for a server again; pump afterwards. */
void pk_dial_go(struct pk_waiter *wait, bool turned_away);
/* Gives up connects and waits that have lasted too long; arms the timer for the next one. */
void pk_dial_timeouts(struct pk_pairs *conns);

#endif
