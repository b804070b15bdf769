/*
 * The messages of Storm's Pacemaker daemon: a frame is a length word and one HBMessage in Thrift's binary protocol,
 * without a message header; the id of a request is repeated in its reply. Messages of a path, pulses and lists of
 * nodes are known here, the rest (SASL, control) is not needed.
 *
 * HBMessage: 1 type i32, 2 data, 3 message_id i32. data is a union: 1 path, 2 pulse {1 id, 2 details}, 3 boolval,
 * 5 nodes {1 list of string}.
 */
#ifndef PK_TOOLS_BENCH_PULSE_WIRE_H
#define PK_TOOLS_BENCH_PULSE_WIRE_H

#include "proto/jute.h"

enum pk_pulse_type {
    PK_PULSE_SEND = 4,
    PK_PULSE_SENT = 5,
    PK_PULSE_LIST = 8, /* names of all pulses below a path */
    PK_PULSE_LISTED = 9,
    PK_PULSE_GET = 10,
    PK_PULSE_GOT = 11,
    PK_PULSE_DELETE = 12, /* everything below a path */
    PK_PULSE_DELETED = 13,
};

enum { PK_PULSE_ROOM = 48 /* bytes of a frame besides its path and data, at most */ };

/* What a message says; bytes are borrowed from the frame. */
struct pk_pulse {
    int32_t type, id;
    struct pk_bytes path, data; /* of a pulse, or a message's path; p == NULL: absent */
    struct pk_in nodes;         /* a list: read it with pk_get_bytes, nnodes times */
    int32_t nnodes;
};

/* Write a frame at p and return its end: SEND_PULSE, and a request that consists of a path. */
uint8_t *pk_pulse_put_send(uint8_t *p, int32_t id, struct pk_bytes path, struct pk_bytes data);
uint8_t *pk_pulse_put_path(uint8_t *p, int32_t type, int32_t id, struct pk_bytes path);

/* Reads a frame's payload (after its length word); false when it is no message. */
bool pk_pulse_read(const uint8_t *p, size_t n, struct pk_pulse *m);
/* The message id in a payload, -1 when there is none. */
int32_t pk_pulse_id(const uint8_t *p, size_t n);

#endif
