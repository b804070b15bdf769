/*
 * Sending requests upstream: the client's as they came, and our own.
 */
#ifndef PK_CORE_RELAY_H
#define PK_CORE_RELAY_H

#include "core/state.h"

/* A request as it stands in the receive buffer. */
struct pk_frame {
    const uint8_t *p; /* with its length word */
    size_t len;
    bool borrowed; /* p stays until the end of the turn */
};

/* A fresh entry in no list, or NULL after closing for want of memory. path may be null; it is copied. */
struct pk_entry *pk_entry_new(struct core *core, struct pk_conn *c, enum pk_answer answer, int32_t xid,
                              int32_t op, struct pk_bytes path) PK_NODISCARD;
/* Takes the entry out of both lists, ends its intents as failed, frees it. */
void pk_entry_free(struct core *core, struct pk_conn *c, struct pk_entry *e);
/* Appends the entry to the client's order. */
void pk_entry_queue(struct core *core, struct pk_conn *c, struct pk_entry *e);

/* Sends the client's request as it came and puts the entry at the end of both orders. */
void pk_relay(struct core *core, struct pk_conn *c, struct pk_entry *e, const struct pk_frame *f);
/* Sends the client's ping. */
void pk_relay_ping(struct core *core, struct pk_conn *c, const struct pk_frame *f);

/* Sends an internal request whose body is a path (exists: and no watch); NULL after closing for want of
 * memory. */
struct pk_entry *pk_send_internal(struct core *core, struct pk_conn *c, enum pk_answer answer, int32_t op,
                                  struct pk_bytes path);
/* The same with a body of len bytes that the caller fills in at *body. */
struct pk_entry *pk_send_internal_body(struct core *core, struct pk_conn *c, enum pk_answer answer,
                                       int32_t op, size_t len, uint8_t **body);
/* Sends a ping of our own. */
void pk_send_ping(struct core *core, struct pk_conn *c);
/* Prechecks a read (again) on behalf of an entry that is in the client's order: built from its op, path and watch.
 */
void pk_send_again(struct core *core, struct pk_conn *c, struct pk_entry *e);
/* Creates a missing upstream znode and its ancestors, plain, empty and open; the answers are swallowed. */
void pk_send_ancestors(struct core *core, struct pk_conn *c, struct pk_bytes path);

#endif
