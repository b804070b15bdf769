/*
 * Flushing: what cached znodes absorbed is written to the ensemble, in one transaction per znode that leaves the
 * version which clients have seen.
 *
 *   multi{ setData(base version, ""), setData(-1, "") ..., setData(-1, newest data) } for one or several znodes
 *
 *   dirty ──sent──► in flight ──OK──► clean, or dirty with what came meanwhile
 *                       │ BADVERSION, NONODE, NOAUTH: that value ends, the others of the multi are sent again
 *                       └ no answer: uncertain ──sync, getData──► landed, or dirty again
 *
 * A flush goes on the uplink of the client that wrote last, unless its server is silent, else on the requester's, else
 * on the service session, and there only while the ACL is the one under which the writes were absorbed.
 */
#ifndef PK_CORE_SYNC_FLUSH_H
#define PK_CORE_SYNC_FLUSH_H

#include "core/sync/writeback.h"

/* Sends c's absorbed writes upstream; true when there is nothing (left) to send or await. Who has left and was silent
 * for long before that leaves orphans: to write them on its uplink would prolong its session. */
bool pk_flush_client(struct pk_sync *sync, struct pk_client *c);
/* The pending request of c waits until what it holds is clean. */
void pk_flush_for(struct pk_sync *sync, struct pk_client *c, struct pk_pending *p);
/* Time has passed: flushes that somebody waits for on a server that is silent are lost to it. */
void pk_flush_impatient(struct pk_sync *sync);
/* Flushes what has too much pending to wait for its time. */
void pk_flush_all_hurried(struct pk_sync *sync);
static inline void pk_flush_hurried(struct pk_sync *sync)
{
    if (!pk_list_empty(&sync->hurried))
        pk_flush_all_hurried(sync);
}
/* Flushes as many orphans as one request holds on the service session; false when there are none. */
bool pk_flush_orphans(struct pk_sync *sync, struct pk_uplink *service);
/* Flushes what is due; elapsed_us since the last call. handover: how many a mount in mode relay hands over at once. */
void pk_flush_due(struct pk_sync *sync, int64_t elapsed_us, int64_t handover);
/* Asks what the ensemble has of a cached znode (exists); its value is judged by the answer. False: that is under
 * way. */
bool pk_flush_look(struct pk_sync *sync, struct pk_uplink *u, struct pk_writeback *w);

/* The answer to a flush or a question; takes the owner over. */
void pk_flush_answer(struct pk_sync *sync, struct pk_uplink *u, void *owner, const struct pk_reply *r,
                     struct pk_bytes body);
/* There will be no answer; takes the owner over. */
void pk_flush_lost(struct pk_sync *sync, void *owner);

#endif
