/*
 * Requests of our own, as frames.
 */
#ifndef PK_IO_INSTANCES_ENCODE_H
#define PK_IO_INSTANCES_ENCODE_H

#include <stdbool.h>

#include "proto/records.h"

struct pk_auth_entry;

struct pk_ask {
    enum pk_op op; /* EXISTS, GET_DATA, GET_CHILDREN, CREATE or CLOSE_SESSION */
    const char *path;
    const char *text; /* CREATE: the data */
    bool marker;      /* CREATE: ephemeral and only to be read, else persistent and open to everybody */
};

/* Each returns a frame of *len bytes, the caller's to free(3); NULL: memory is short. */
uint8_t *pk_encode_ask(const struct pk_ask *ask, int32_t xid, size_t *len);
uint8_t *pk_encode_auth(const struct pk_auth_entry *entry, size_t *len);
/* session 0: for a new one. */
uint8_t *pk_encode_connect(int32_t timeout_ms, int64_t session, const uint8_t passwd[PK_PASSWD_LEN],
                           size_t *len);

#endif
