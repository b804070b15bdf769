/* How a member's core is driven: events go in, its updates are carried out on the network of the world. */
#ifndef PK_TESTS_SIM_GROUP_DRIVE_H
#define PK_TESTS_SIM_GROUP_DRIVE_H

#include "member.h"

/* The member's own clock. */
int64_t drive_clock(const struct world *w, const struct member *me);
/* An event alone, and nothing that follows. */
void drive_event(struct world *w, int m, struct pk_id id, struct pk_event e);
/* An event of the core's own (p is NULL), or of a pair, and all that follows. */
void drive_step(struct world *w, int m, const struct pair *p, struct pk_event e);
/* Carries out what the core wants done. */
void drive_drain(struct world *w, int m);
/* Gives the core what came for it and may be read, until there is nothing. */
void drive_feed(struct world *w, int m);
/* Writes what there is room for, and returns how much that was. */
size_t drive_write(struct world *w, struct member_side *side, const struct pk_iov *iov, int n);

struct pair *drive_new_pair(struct member *me);
/* The core has it, by p->id. */
void drive_known(struct member *me, struct pair *p);
/* It has something for the core. */
void drive_hungry(struct member *me, const struct pair *p);
void drive_drop_pair(struct world *w, struct pair *p);
void drive_drop_side(struct world *w, struct member_side *side);

#endif
