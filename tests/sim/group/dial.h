/*
 * How a member's pairs get their uplinks: a server that has not been tried, one that serves when a session is held, or
 * another member's port. A member opens with a byte of the other side, DIAL_HELLO bytes that stand for the proof of the
 * secret (kind, epoch, how long the client has been silent), and a byte that says yes; the secret itself is tested with
 * the daemon.
 */
#ifndef PK_TESTS_SIM_GROUP_DIAL_H
#define PK_TESTS_SIM_GROUP_DIAL_H

#include "member.h"

enum { DIAL_HELLO = 17 };

void dial_open(struct world *w, int m, struct pair *p, const struct pk_update *u);
void dial_close(struct world *w, int m, struct pair *p);
void dial_ask(struct world *w, int m, struct pair *p);
void dial_hears(struct world *w, int m, struct pair *p, const struct net_news *news);
/* Gives up attempts that have lasted too long. */
void dial_tick(struct world *w, int m);
/* The age that a relayed client's hello says. */
int64_t dial_age(int64_t said_us);

#endif
