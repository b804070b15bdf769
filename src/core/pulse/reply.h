/*
 * The bytes of replies to Pacemaker's clients. Out of memory marks the client to end.
 */
#ifndef PK_CORE_PULSE_REPLY_H
#define PK_CORE_PULSE_REPLY_H

#include "core/conn/send.h"
#include "core/store/store.h"
#include "proto/pulse.h"

/* A reply without data. */
void pk_pulse_reply(struct pk_conns *conns, struct pk_client *c, int32_t type, int32_t id);
/* What a client hears whom somebody does not let. */
void pk_pulse_refuse(struct pk_conns *conns, struct pk_client *c, int32_t id);
/* To EXISTS. */
void pk_pulse_reply_exists(struct pk_conns *conns, struct pk_client *c, int32_t id, bool exists);
/* To GET_PULSE: m is the request; data.p NULL: there is none. */
void pk_pulse_reply_data(struct pk_conns *conns, struct pk_client *c, const struct pk_pulse *m,
                         struct pk_bytes data);
/* The same of a held znode. */
void pk_pulse_reply_held(struct pk_conns *conns, struct pk_client *c, const struct pk_pulse *m,
                         const struct pk_znode *z);
/* To GET_ALL_NODES_FOR_PATH: count names, each with its length in front. */
void pk_pulse_reply_names(struct pk_conns *conns, struct pk_client *c, int32_t id, int32_t count,
                          struct pk_bytes names);
/* The same of a held znode of the store. */
void pk_pulse_reply_children(struct pk_store *store, struct pk_conns *conns, struct pk_client *c, int32_t id,
                             struct pk_znode *z);

#endif
