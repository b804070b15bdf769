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

/* ---- for the roles that have files of their own ---- */
#define ASK_PARENT "/storm/workerbeats/t"

/* What is asked for, with the floors that its answer is judged by; path -1: no one znode. */
struct request *ask_add(struct world *w, struct client *c, int op, int path);
/* The write that data show, and its version, from the body of getData. */
int ask_data(const uint8_t *body, size_t len, int *version);
/* A list of the parent's children, which begins with their number, or the error for it. */
void ask_list(struct world *w, struct client *c, const struct request *r, int err, const uint8_t *body,
              size_t len);

/* ---- of client.c ---- */
void client_write(struct world *w, struct client *c, const struct sup_buf *b);

#endif
