/*
 * Answers to a multiRead that are not forwarded as they are: client addresses are taken out of /zookeeper/config, and
 * each part is what a plain read would have shown: for a read-only session nothing is promoted or flushed, and a leader
 * that has not noticed its successor answers a sync, and has not what was flushed meanwhile.
 */
#ifndef PK_CORE_SERVE_MULTI_READ_H
#define PK_CORE_SERVE_MULTI_READ_H

#include "core/sync/sync.h"

/* Whether the answer to a multiRead (its body) has to be looked at. */
bool pk_multi_read_looks(const struct pk_sync *sync, struct pk_bytes asked);

enum pk_multi_read {
    PK_MULTI_READ_FORWARD, /* as it is */
    PK_MULTI_READ_WRITTEN, /* the changed answer has been written to the client, or the client is to end */
    PK_MULTI_READ_LATER,   /* a promotion is in the way, for which the client's answer_wait waits */
};
/* Judges and, with PK_MULTI_READ_WRITTEN, writes the answer; the entry's path is the request's body. */
enum pk_multi_read pk_multi_read_answer(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                                        const struct pk_answer_frame *a);

#endif
