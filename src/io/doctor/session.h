/*
 * A session with one server for a command: it waits for each answer, reads only, and is closed at the end.
 */
#ifndef PK_IO_DOCTOR_SESSION_H
#define PK_IO_DOCTOR_SESSION_H

#include "io/config/auth.h"
#include "io/config/channel.h"
#include "proto/records.h"

enum {
    PK_SESSION_FAULT = 1
}; /* instead of an error of the ensemble: no answer in time, or not the protocol */

struct pk_session {
    struct pk_channel channel;
    int32_t xid;
    uint8_t *frame; /* the newest answer; the bodies that are given point into it */
    size_t size;
};

/* Opens a session and shows the credentials. False when there is none; nothing is to be closed then. */
bool pk_session_open(struct pk_session *s, const struct pk_channel_to *to, const struct pk_auth *auth);
/* Asks EXISTS, GET_DATA, GET_CHILDREN or GET_ACL. 0 and the body, an error of the ensemble, or PK_SESSION_FAULT. */
int pk_session_ask(struct pk_session *s, enum pk_op op, const char *path, struct pk_in *body);
void pk_session_close(struct pk_session *s);

#endif
