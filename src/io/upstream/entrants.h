/*
 * Who waits for a place at a server: sessions that are held first, the one whose deadline comes first before the
 * others, to within a second; then everybody else, in the order in which they came.
 */
#ifndef PK_IO_UPSTREAM_ENTRANTS_H
#define PK_IO_UPSTREAM_ENTRANTS_H

#include <stdint.h>

#include "io/loop/wait.h"

enum { PK_ENTRANTS_SECONDS = 16 /* deadlines further ahead are alike */ };

struct pk_entrants {
    struct pk_list due[PK_ENTRANTS_SECONDS]; /* of struct pk_waiter, by the second of the deadline */
    struct pk_list others;
};

void pk_entrants_init(struct pk_entrants *entrants);
bool pk_entrants_empty(const struct pk_entrants *entrants);
/* due_us is a deadline of the loop's clock, 0: there is none. Who goes away takes itself out of its list. */
void pk_entrants_add(struct pk_entrants *entrants, struct pk_waiter *wait, int64_t due_us, int64_t now_us);
/* Calls the one whose turn it is; false when nobody waits. */
bool pk_entrants_call_one(struct pk_entrants *entrants, int64_t now_us);
/* Turns all away that wait now. */
void pk_entrants_turn_away(struct pk_entrants *entrants);

#endif
