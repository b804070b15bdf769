/*
 * Answers to a multiRead that are not forwarded as they are: client addresses are taken out of /zookeeper/config, and
 * in a read-only session, for which nothing is promoted or flushed, each part is what a plain read would have shown.
 */
#ifndef PK_CORE_SERVE_MULTI_READ_H
#define PK_CORE_SERVE_MULTI_READ_H

#include "core/sync/sync.h"

/* Whether the answer to a multiRead (its body) of this client has to be looked at. */
bool pk_multi_read_looks(const struct pk_client *c, struct pk_bytes asked);

enum pk_multi_read {
    PK_MULTI_READ_FORWARD, /* as it is */
    PK_MULTI_READ_WRITTEN, /* the changed answer has been written to the client, or the client is to end */
    PK_MULTI_READ_LATER,   /* a promotion is in the way, for which the client's answer_wait waits */
};
/* Judges and, with PK_MULTI_READ_WRITTEN, writes the answer; the entry's path is the request's body. */
enum pk_multi_read pk_multi_read_answer(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                                        const struct pk_answer_frame *a);

#endif
