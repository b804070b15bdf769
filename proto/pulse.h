/*
 * The messages of Storm's Pacemaker (storm.thrift: HBMessage), as Storm 1.x and 2.x put them on the wire
 * (doc/internals/protocol.md 11): a frame is a length word and one HBMessage in Thrift's binary protocol, without a
 * message header; the message id of a request is repeated in its reply.
 *
 *   HBMessage: 1 type i32, 2 data, 3 message_id i32 (-1 when absent)
 *   data, a union: 1 path, 2 pulse {1 id, 2 details}, 3 boolval, 4 records, 5 nodes {1 list of string}, 7 message_blob
 *
 * Pure functions on bytes, nothing is allocated: what is decoded points into the frame; what is written goes into room
 * that the caller has sized.
 */
#ifndef PK_PROTO_PULSE_H
#define PK_PROTO_PULSE_H

#include "base/err.h"
#include "proto/jute.h"

/* HBServerMessageType: a request's reply has the next number. */
enum pk_pulse_type {
    PK_PULSE_CREATE_PATH = 0,
    PK_PULSE_EXISTS = 2,
    PK_PULSE_SEND = 4,    /* SEND_PULSE */
    PK_PULSE_GET_ALL = 6, /* GET_ALL_PULSE_FOR_PATH */
    PK_PULSE_LIST = 8,    /* GET_ALL_NODES_FOR_PATH */
    PK_PULSE_GET = 10,    /* GET_PULSE */
    PK_PULSE_DELETE = 12, /* DELETE_PATH */
    PK_PULSE_DELETE_ID = 14,
    PK_PULSE_CONTROL = 16, /* CONTROL_MESSAGE */
    PK_PULSE_SASL = 17,    /* SASL_MESSAGE_TOKEN */
    PK_PULSE_NOT_AUTHORIZED = 18,
    PK_PULSE_TYPES
};

/* The type of the reply to a request. */
static inline int32_t pk_pulse_answer(enum pk_pulse_type type)
{
    return (int32_t)type + 1;
}

/* The number in a control message: ControlMessage of Storm's messaging.netty. */
enum pk_pulse_control {
    PK_PULSE_TOKEN_REQUEST = -202, /* SASL_TOKEN_REQUEST: the client asks for a challenge */
    PK_PULSE_COMPLETE = -203,      /* SASL_COMPLETE_REQUEST: it is logged in */
};

/* Which member of the union a message has. */
enum pk_pulse_data {
    PK_PULSE_NOTHING,
    PK_PULSE_PATH,    /* path */
    PK_PULSE_DETAILS, /* path is the pulse's id; details.p NULL: absent */
    PK_PULSE_BOOL,
    PK_PULSE_NODES,
    PK_PULSE_BLOB,  /* details: of a control message, or with a SASL token */
    PK_PULSE_OTHERS /* records, which nobody sends */
};

/* What a message says; bytes are borrowed from the frame. */
struct pk_pulse {
    int32_t type; /* enum pk_pulse_type, or the number of a reply */
    int32_t id;   /* message_id */
    enum pk_pulse_data data;
    struct pk_bytes path, details;
    bool boolval;
    struct pk_in nodes; /* read it with pk_get_bytes, nnodes times */
    int32_t nnodes;
};

enum {
    PK_PULSE_ROOM = 48,      /* bytes of any frame besides its path and details, at most */
    PK_PULSE_REPLY_LEN = 19, /* of a reply without data */
    PK_PULSE_EXISTS_LEN = 27,
    PK_PULSE_MISSING_LEN = 34, /* besides the path */
    PK_PULSE_GOT_LEN = 31,     /* besides the path, up to the details */
    PK_PULSE_LISTED_LEN = 25,  /* up to the names */
    PK_PULSE_TAIL_LEN = 10,    /* behind the details of a pulse, or the names of nodes */
    PK_PULSE_CONTROL_LEN = 25,
    PK_PULSE_TOKEN_LEN = 29, /* besides the token */
};

/*
 * Reads a frame's payload (behind its length word); what follows the message is ignored, as Storm does. PK_EMALFORMED:
 * it is none, it has no type or one that Storm does not know, or structs nested deeper than any message has.
 */
enum pk_err pk_pulse_decode(const uint8_t *p, size_t len, struct pk_pulse *m) PK_NODISCARD;
/* True when a request has the data that its type needs: Storm's own daemon dies of one that has not. */
bool pk_pulse_complete(const struct pk_pulse *m);

/* What is in the blob of a control message, and of one with a SASL token (SaslMessageToken), which is never null. What
 * follows it is ignored, as Storm does. False: neither. */
bool pk_pulse_get_control(const struct pk_pulse *m, int16_t *code);
bool pk_pulse_get_token(const struct pk_pulse *m, struct pk_bytes *token);

/* Each writes a frame, or its first part, at p and returns the end. */
/* Requests: SEND_PULSE, and those that consist of a path. */
uint8_t *pk_pulse_put_send(uint8_t *p, int32_t id, struct pk_bytes path, struct pk_bytes details);
uint8_t *pk_pulse_put_path(uint8_t *p, enum pk_pulse_type type, int32_t id, struct pk_bytes path);
/* A reply without data, PK_PULSE_REPLY_LEN bytes. */
uint8_t *pk_pulse_put_reply(uint8_t *p, int32_t type, int32_t id);
/* EXISTS_RESPONSE, PK_PULSE_EXISTS_LEN bytes. */
uint8_t *pk_pulse_put_exists(uint8_t *p, int32_t id, bool exists);
/* GET_PULSE_RESPONSE without details. */
uint8_t *pk_pulse_put_missing(uint8_t *p, int32_t id, struct pk_bytes path);
/* GET_PULSE_RESPONSE up to its details, of so many bytes; they follow, then pk_pulse_put_tail. */
uint8_t *pk_pulse_put_got(uint8_t *p, struct pk_bytes path, uint32_t details);
/* GET_ALL_NODES_FOR_PATH_RESPONSE up to its names, of so many bytes with their lengths; they follow, then
 * pk_pulse_put_tail. */
uint8_t *pk_pulse_put_listed(uint8_t *p, int32_t count, size_t names);
/* The rest of either, PK_PULSE_TAIL_LEN bytes. */
uint8_t *pk_pulse_put_tail(uint8_t *p, int32_t id);
/* Both ways, without a message id: a control message, PK_PULSE_CONTROL_LEN bytes; a token, null is an empty one. */
uint8_t *pk_pulse_put_control(uint8_t *p, enum pk_pulse_control code);
uint8_t *pk_pulse_put_token(uint8_t *p, struct pk_bytes token);

#endif
