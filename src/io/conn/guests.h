/*
 * The member port: connections of other members of the group, until they have proved that they are.
 *
 *   accepted ──► greeted ──claim──► has it the secret? ──► a pair: another member's link, or a client of its
 *                   └──1 s, or the oldest of 64──► closed
 *
 * A guest costs a descriptor and less than a kilobyte; the core hears of none before the proof.
 */
#ifndef PK_IO_CONN_GUESTS_H
#define PK_IO_CONN_GUESTS_H

#include "base/list.h"
#include "io/config/hostport.h"
#include "io/loop/loop.h"

struct pk_pairs;

enum { PK_GUESTS = 64, PK_GUESTS_SAID = 16 };

struct pk_guests {
    struct pk_pairs *conns;    /* where those who have proved it go, borrowed */
    struct pk_list unfinished; /* oldest first */
    size_t n;                  /* of them */
    int64_t wrong;             /* that had not the secret, so far */
    int64_t other;             /* that spoke otherwise, were too slow, or made room */
    struct pk_guests_said {    /* of whom the log has heard, and when */
        union pk_address from;
        int64_t at_us;
    } said[PK_GUESTS_SAID];
};

void pk_guests_init(struct pk_guests *guests, struct pk_pairs *conns);
/* Takes a socket over that was accepted at the member port. */
void pk_guests_take(struct pk_guests *guests, int fd, const union pk_address *from);
/* Time has passed: those who were too slow are closed. */
void pk_guests_tick(struct pk_guests *guests);
/* Closes all; may be called again. */
void pk_guests_close(struct pk_guests *guests);

#endif
