/*
 * A connection of ours to another member of the group, until it is open: the member is found, connected to, proves the
 * secret and is proved it.
 *
 *   find ──► (wait for a name, or for a place) ──► connect ──► greeting, claim, answer ──► the core's
 *     ▲                                               │
 *     └──────── the name's next address ◄──refused────┘
 */
#ifndef PK_IO_CONN_CALL_H
#define PK_IO_CONN_CALL_H

#include "io/conn/members.h"
#include "io/transport/side.h"
#include "proto/member.h"

struct pk_call {
    struct pk_member_claim claim;
    struct pk_member_opening opening;
    int64_t wanted_us; /* when the core wanted it */
    unsigned tried;    /* addresses of the member's name */
    bool refused;      /* none of these was anything but refused */
    bool counted;      /* among those who open */
    char address[];    /* HOST:PORT */
};

/* What the core wants with PK_UPLINK_OPEN of a member, for a client there (a link has none). NULL: memory is short. */
struct pk_call *pk_call_new(const struct pk_update *update, const union pk_address *client, int64_t now_us);
/* It is over, well or not; NULL is allowed. */
void pk_call_end(struct pk_call *call, struct pk_members *members);
/* The next address to connect to, as pk_members_find. */
enum pk_member_found pk_call_next(struct pk_call *call, struct pk_members *members, int64_t now_us,
                                  struct pk_waiter *wait, union pk_address *address);
/* The name that the member's certificate must have: the host of its address. */
void pk_call_host(const struct pk_call *call, struct pk_hostport *where);
/*
 * Bytes of the member came over the side, which is OPENING, or its end: opened, with what is left of them, or ended
 * with the reason.
 */
struct pk_received pk_call_received(struct pk_call *call, struct pk_side *side, const struct pk_loop *loop,
                                    const struct pk_received *in);

#endif
