/*
 * Flushing: what cached znodes absorbed is written to the ensemble, in one transaction per znode that leaves the version
 * which clients have seen.
 *
 *   multi{ setData(base version, ""), setData(-1, "") ..., setData(-1, newest data) } for one or several znodes
 *
 *   dirty ──sent──► in flight ──OK──► clean, or dirty with what came meanwhile
 *                       │ BADVERSION, NONODE, NOAUTH: that cached znode ends, the others of the multi are sent again
 *                       └ no answer: uncertain ──sync, exists──► landed, or dirty again
 *
 * A flush goes on the uplink of the connection that wrote last, else on the requester's, else on one of our own (service.h).
 */
#ifndef PK_CORE_FLUSH_H
#define PK_CORE_FLUSH_H

#include "core/cached.h"

/* What one flush, or one look, is about. */
struct pk_flush {
    uint32_t n;
    struct {
        struct pk_cached *cached;
        int32_t steps; /* a look has none */
    } v[];
};

/* Sends c's absorbed writes upstream; true when there is nothing (left) to send or await. */
bool pk_flush_conn(struct core *core, struct pk_conn *c);
/* A request of c waits until these cached znodes are clean. */
void pk_flush_for(struct core *core, struct pk_conn *c, struct pk_cached *const *v, uint32_t n);
/* Flushes one cached znode, whose writer is connected. */
void pk_flush_one(struct core *core, struct pk_cached *l);
/* Flushes as many orphans as one request holds on a service session; false when there are none. */
bool pk_flush_orphans(struct core *core, struct pk_conn *own);
/* Flushes what is due; elapsed_us since the last call. */
void pk_flush_due(struct core *core, int64_t elapsed_us);
/* Looks at a cached znode (exists), whose cached znode is judged by the answer; after sync when the copy must be new. False:
 * a look is under way. */
bool pk_flush_look(struct core *core, struct pk_conn *c, struct pk_cached *l, bool sync);

/* The answer to a flush or a look; takes f over. */
void pk_flush_answer(struct core *core, struct pk_conn *c, struct pk_flush *f, const struct pk_reply *r,
                     struct pk_bytes body);
/* There will be no answer; takes f over. */
void pk_flush_lost(struct core *core, struct pk_flush *f);

#endif
