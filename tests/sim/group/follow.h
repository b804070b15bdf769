/*
 * A follower of a wide world (world.h): lasting watches on two znodes, a recursive one on all that is below the parent,
 * or a one-shot watch on its list of children. It reads what it is told of, and is told of whatever it can read.
 */
#ifndef PK_TESTS_SIM_GROUP_FOLLOW_H
#define PK_TESTS_SIM_GROUP_FOLLOW_H

#include "client.h"

void follow_ask(struct world *w, struct client *c, struct sup_buf *b);
/* An answer to what concerns its watches; */
void follow_came(struct world *w, struct client *c, const struct request *r, int err);
/* it read a znode and was shown the write n, or ABSENT; */
void follow_read(struct world *w, struct client *c, const struct request *r, int n);
/* a list named it or not; */
void follow_listed(struct client *c, int path, bool there);
/* an event came. */
void follow_told(struct world *w, struct client *c, const uint8_t *path, size_t len);
void follow_lost(struct client *c);
void follow_again(struct world *w, struct client *c);
/* It is a follower whose watches outlast their events: such a client is not held. */
bool follow_lasts(const struct world *w, const struct client *c);
/* The schedule is over: it knows what was acknowledged until then. */
void follow_ends(struct world *w, const struct client *c, int64_t until_us);

#endif
