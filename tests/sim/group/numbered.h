/*
 * Sequential znodes: in a varied world (world.h) the locker makes one below the parent of the workers' znodes, removes
 * it, makes the next one. What memory holds there, and has deleted, counts in their numbers.
 */
#ifndef PK_TESTS_SIM_GROUP_NUMBERED_H
#define PK_TESTS_SIM_GROUP_NUMBERED_H

#include "client.h"

void numbered_ask(struct world *w, struct client *c, struct sup_buf *b);
/* True when the request was one of these: its answer has been judged. */
bool numbered_came(struct world *w, struct client *c, const struct request *r, int err, const uint8_t *body,
                   size_t len);

#endif
