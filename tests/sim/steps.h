/* Steps that the core's tests take again and again, and the frames that clients received. */
#ifndef PK_TESTS_SIM_STEPS_H
#define PK_TESTS_SIM_STEPS_H

#include "driver.h"

struct sim_frame {
    int xid, err;
    int64_t zxid;
    const uint8_t *body;
    size_t len;
};

/* Arrives and has a session; timeout in ms. -1 when that failed (memory). */
int sim_connect(struct sim *s, int timeout_ms);

/* The next whole frame that the client received, borrowed; false when there is none. */
bool sim_frame(struct sim *s, int c, struct sim_frame *f);
/* The same; fails the test when there is none, when xid or err differ. */
void sim_expect(struct sim *s, int c, int xid, int err, struct sim_frame *f);
/* Sends one request, pumps and expects its reply. */
void sim_call(struct sim *s, int c, const struct sup_buf *bytes, int err, struct sim_frame *f);

/* Sends the bytes, empties the buffer and pumps. */
void sim_go(struct sim *s, int c, struct sup_buf *bytes);
/* Creates a znode and requires that it is created in memory: not in the ensemble. Its xid is 1. */
void sim_local_create(struct sim *s, int c, const char *path, const char *data);
/* n writes in one pipeline, data "beat 0" onwards, all of which succeed. */
void sim_beats(struct sim *s, int c, const char *path, int n);
/* Sends exists with a watch. */
void sim_watch(struct sim *s, int c, int xid, const char *path);
/* The next frame on the wire of a held connection: its type (0: none), and the path of exists, getACL and sync. */
int sim_peek(const struct sim *s, int c, char path[256]);

#endif
