/*
 * The memory of the members. What a core does may follow from where its blocks lie (a set of pointers has an order):
 * they lie at the same addresses each time that a schedule runs, so that a finding can be shown again.
 */
#ifndef PK_TESTS_SIM_GROUP_ARENA_H
#define PK_TESTS_SIM_GROUP_ARENA_H

#include "tests/lib/support.h"

/* All of it is free: a schedule begins, and nothing of the one before is held. */
void arena_begin(void);
/* A seam that takes its blocks there, and counts them. With a sanitizer it is that of sup_mem_init. */
void arena_mem(struct sup_mem *m);

#endif
