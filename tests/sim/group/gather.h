/*
 * A gatherer asks for what takes memory and the ensemble together: several znodes in a multiRead, numbers of
 * descendants, lists and ACLs. A locker asks for the ephemeral znodes of its session.
 */
#ifndef PK_TESTS_SIM_GROUP_GATHER_H
#define PK_TESTS_SIM_GROUP_GATHER_H

#include "client.h"

void gather_ask(struct world *w, struct client *c, struct sup_buf *b);
void gather_ephemerals(struct world *w, struct client *c, struct sup_buf *b);
/* An answer; false: to none of these. */
bool gather_came(struct world *w, struct client *c, const struct request *r, int err, const uint8_t *body,
                 size_t len);

#endif
