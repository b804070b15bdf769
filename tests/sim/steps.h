/* Steps that the core's tests take again and again, and the frames that clients received. */
#ifndef PK_TESTS_SIM_STEPS_H
#define PK_TESTS_SIM_STEPS_H

#include "driver.h"
#include "proto/pulse.h"
#include "proto/records.h"

struct sim_frame {
    int xid, err;
    int64_t zxid;
    const uint8_t *body;
    size_t len;
};

/* The answer or event that these bytes are, length word first. */
struct sim_frame sim_frame_at(const uint8_t *p);

/* Arrives and has a session; timeout in ms. -1 when that failed (memory). */
int sim_connect(struct sim *s, int timeout_ms);

/* The next whole frame that the client received, borrowed; false when there is none. */
bool sim_frame(struct sim *s, int c, struct sim_frame *f);
/* The same of a client of Pacemaker's protocol; fails the test when it does not decode. */
bool sim_pulse(struct sim *s, int c, struct pk_pulse *m);
/* The same; fails the test when there is none, when xid or err differ. */
void sim_expect(struct sim *s, int c, int xid, int err, struct sim_frame *f);
/* Sends the bytes, empties the buffer and pumps. */
void sim_go(struct sim *s, int c, struct sup_buf *bytes);
/* The same with one request, whose reply it expects. */
void sim_call(struct sim *s, int c, struct sup_buf *bytes, int err, struct sim_frame *f);
/* Fails the test when the next frame is not this event. */
void sim_expect_event(struct sim *s, int c, int type, const char *path);
/* Fails the test when the connection is open, or was closed for another reason. */
void sim_expect_closed(const struct sim *s, int c, enum pk_close why);
/* The Stat at the end of an answer. */
struct pk_stat sim_stat(const struct sim_frame *f);
/* Fails the test when an answer to getData has other data. */
void sim_expect_data(const struct sim_frame *f, const char *data);
/* The names in an answer to getChildren, in its order with blanks between; valid until the next call. */
const char *sim_names(const struct sim_frame *f);

/* Creates a znode and requires that it is created in memory: not in the ensemble. Its xid is 1. */
void sim_local_create(struct sim *s, int c, const char *path, const char *data);
/* n writes in one pipeline, data "beat 0" onwards, all of which succeed. */
void sim_beats(struct sim *s, int c, const char *path, int n);
/* Sends exists with a watch. */
void sim_watch(struct sim *s, int c, int xid, const char *path);
/* The next frame on the wire of a held connection: its type (0: none), and the path of exists, getACL and sync. */
int sim_peek(const struct sim *s, int c, char path[256]);

#endif
