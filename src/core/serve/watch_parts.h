/*
 * A request that sets many watches: sent to the ensemble in parts, as clients send what is longer than they like, each
 * a turn of its own. To look at tens of thousands of paths at once would keep everybody waiting.
 *
 *   setWatches, long ──► part ──judged, relayed──► part ──► ... ──► the last one
 *                          └──its answer is the client's no more          └──its answer is the client's
 *
 * Each part has the client's xid and zxid, and is a request like any other: what it names is promoted, its watches
 * stand with its answer, a held client asks it again. What the client has sent behind it waits for the last one.
 */
#ifndef PK_CORE_SERVE_WATCH_PARTS_H
#define PK_CORE_SERVE_WATCH_PARTS_H

#include "core/serve/pending.h"

/* True when the request is to be sent in parts: it is long, and its lists are as servers read them. */
bool pk_watch_parts_due(const struct pk_judged *j);
/* Takes the request over; its first part is the client's pending request then. */
enum pk_decision pk_watch_parts_begin(struct pk_judged *j);

/* The request that is judged is a part. */
static inline bool pk_watch_part(const struct pk_client *c)
{
    return c->parts != NULL;
}
/* What is done with the answer to this part. */
enum pk_answer pk_watch_part_answer(const struct pk_client *c);
/* It has been relayed. */
void pk_watch_part_relayed(struct pk_client *c);
/* The part that was pending has been taken: the next one is pending now; false when there is none, or it was not
 * relayed. */
bool pk_watch_parts_next(struct pk_sync *sync, struct pk_client *c);
/* The client ends. */
void pk_watch_parts_drop(struct pk_sync *sync, struct pk_client *c);

#endif
