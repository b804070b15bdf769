/*
 * Sending: requests upstream, the clients' as they came and our own; room for replies to a client.
 */
#ifndef PK_CORE_CONN_SEND_H
#define PK_CORE_CONN_SEND_H

#include "core/conn/gate.h"

/* A frame as it stands in a buffer. */
struct pk_frame {
    const uint8_t *p; /* with its length word */
    size_t len;
    bool borrowed; /* p stays until the end of the turn */
};

/* An answer of the ensemble, its header decoded once. */
struct pk_answer_frame {
    struct pk_frame frame;
    struct pk_reply header;
    struct pk_bytes body; /* behind the header; empty while only the head is here */
};

/* f is whole, and r is its header. */
static inline struct pk_answer_frame pk_answer_of(struct pk_frame f, const struct pk_reply *r)
{
    const uint32_t head = PK_LEN_WORD + PK_REPLY_HEADER;
    return (struct pk_answer_frame){f, *r, {f.p + head, (uint32_t)f.len - head}};
}

/* f is whole. */
static inline struct pk_answer_frame pk_answer_frame(struct pk_frame f)
{
    struct pk_reply r;
    pk_reply_load(&r, f.p + PK_LEN_WORD);
    return pk_answer_of(f, &r);
}

/* A fresh entry in no list, or NULL when u is to end for want of memory. path may be null; it is copied. */
struct pk_entry *pk_entry_new(struct pk_conns *conns, struct pk_uplink *u, enum pk_answer answer, int32_t xid,
                              int32_t op, struct pk_bytes path) PK_NODISCARD;
/* Takes the entry out of both lists and frees it. Its intents and its owner have been told before. c: whose order it is
 * in, NULL for the service session's. */
void pk_entry_free(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e);
/* Appends the entry to the client's order. */
void pk_entry_queue(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e);

/* Sends the client's request as it came and puts the entry at the end of both orders. */
void pk_relay(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e, const struct pk_frame *f);
/* Sends the client's ping. */
void pk_relay_ping(struct pk_conns *conns, struct pk_client *c, const struct pk_frame *f);

/* Sends an internal request whose body is a path (exists, getData: and no watch); NULL when u is to end for want of
 * memory. owner: told of the answer, may be NULL. */
struct pk_entry *pk_send_internal(struct pk_conns *conns, struct pk_uplink *u, enum pk_answer answer,
                                  int32_t op, struct pk_bytes path, void *owner);
/* The same with a body of len bytes that the caller fills in at *body. */
struct pk_entry *pk_send_internal_body(struct pk_conns *conns, struct pk_uplink *u, enum pk_answer answer,
                                       int32_t op, size_t len, void *owner, uint8_t **body);
/* Sends a ping of our own. */
void pk_send_ping(struct pk_conns *conns, struct pk_uplink *u);
/* Asks a read (again) on behalf of an entry that is in the client's order: built from its op, path and watch. */
void pk_send_again(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e);
/* Asks the request that is kept for an entry again, whole. */
void pk_send_frame_again(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e);
/* The same with another body, of len bytes that the caller fills in; NULL when c is to end for want of memory. */
uint8_t *pk_send_again_room(struct pk_conns *conns, struct pk_client *c, struct pk_entry *e, int32_t op,
                            size_t len);
/* Sends a sync for the path when the uplink has not shown this zxid yet. */
void pk_catch_up(struct pk_conns *conns, struct pk_uplink *u, struct pk_bytes path, int64_t zxid);

/* Where a reply of len bytes is to be written, at once; NULL when the client is to end. What is written for a client
 * that is gone goes nowhere. */
uint8_t *pk_client_room(struct pk_conns *conns, struct pk_client *c, enum pk_depends on, size_t len);
/* An answer that waited for one that was asked again: its header zxid is raised to the highest that the client has
 * seen. p: the frame, length word included. */
void pk_client_lift_zxid(const struct pk_client *c, uint8_t *p);

#endif
