/* Somebody who bypasses the proxy: one session straight at the model ensemble. */
#ifndef PK_TESTS_SIM_DIRECT_H
#define PK_TESTS_SIM_DIRECT_H

#include "steps.h"

/* A request straight at the ensemble, on a session of its own that is made at the first one; the answer is borrowed. */
struct sim_frame sim_direct(struct sim *s, const struct sup_buf *bytes);
/* Creates, writes or deletes a znode that way; returns the error. */
int sim_direct_create(struct sim *s, const char *path, const char *data);
int sim_direct_set(struct sim *s, const char *path, const char *data, int version);
int sim_direct_delete(struct sim *s, const char *path);

#endif
