/*
 * What clients ask for, and what they make of the answers.
 */
#ifndef PK_TESTS_SIM_GROUP_ASK_H
#define PK_TESTS_SIM_GROUP_ASK_H

#include "client.h"

/* The client may ask for something, when it is time to. */
bool ask_ready(const struct client *c);
/* It asks when it is. */
void ask_something(struct world *w, struct client *c);
/* An answer or an event, header and all. */
void ask_answered(struct world *w, struct client *c, int xid, const uint8_t *p, size_t len);
/* The connection is lost: what is under way may come to pass or not. */
void ask_lost(struct world *w, struct client *c);
/* The session was taken up again: watches are set anew. */
void ask_again(struct world *w, struct client *c);
/* The session is over. */
void ask_expired(struct world *w, struct client *c);

/* ---- of client.c ---- */
void client_write(struct world *w, struct client *c, const struct sup_buf *b);

#endif
