/*
 * The reference: the model ensemble asked directly, and how its answers are compared with those through the
 * core. Zxids and times are left out, lists of children are sets.
 */
#ifndef PK_TESTS_SIM_REFERENCE_H
#define PK_TESTS_SIM_REFERENCE_H

#include "steps.h"

struct ref {
    struct zk zk;
    struct sup_buf out[ZK_LINKS];
    size_t off[ZK_LINKS];
    bool hung_up[ZK_LINKS];
    int nlinks;
};

void ref_init(struct ref *r);
void ref_free(struct ref *r);
/* A link with a session of its own. */
int ref_connect(struct ref *r, int timeout_ms);
/* Feeds whole request frames (length words included). */
void ref_send(struct ref *r, int link, const struct sup_buf *bytes);
/* The next frame sent to the link. */
bool ref_frame(struct ref *r, int link, struct sim_frame *f);

/* Compares two answers to op, but for zxids, times and the order of names; fails with the text and both in
 * hexadecimal. */
void ref_compare(int op, const struct sim_frame *want, const struct sim_frame *got, const char *text);

#endif
