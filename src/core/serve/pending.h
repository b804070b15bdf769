/*
 * A request on its way through the router, and what is begun for one that cannot be taken at once.
 *
 *   frame ──decode──► judged ──► answered, queued or relayed                                   PK_TAKEN
 *                       ├──► it is not its turn: left in the backlog, nothing is remembered    PK_WAITS
 *                       └──► something is begun: taken over by a pk_pending, judged again      PK_BEGUN
 *                            when what its stage waits for is over
 */
#ifndef PK_CORE_SERVE_PENDING_H
#define PK_CORE_SERVE_PENDING_H

#include "core/sync/sync.h"

enum pk_decision {
    PK_TAKEN, /* the next one may be judged */
    PK_WAITS, /* judge it again when the client is woken; nothing behind it is looked at meanwhile */
    PK_BEGUN, /* the same, and the pending request has a copy of the frame */
};

/* A request that is being judged. */
struct pk_judged {
    struct pk_sync *sync;
    struct pk_client *c;
    const struct pk_request *req;
    struct pk_frame f;
    struct pk_target t; /* of its path, */
    bool looked;        /* where its route has looked at it */
};

/* Something is begun for the request: it becomes the client's pending one where it was not, and enters the stage. NULL
 * when the client is to end for want of memory. */
struct pk_pending *pk_pending_enter(struct pk_judged *j, enum pk_stage stage);
/* It has been taken, or never will be: what was begun for it, if anything was, is dropped. */
void pk_pending_free(struct pk_sync *sync, struct pk_client *c);
static inline void pk_pending_drop(struct pk_sync *sync, struct pk_client *c)
{
    if (c->pending != NULL)
        pk_pending_free(sync, c);
}
/* The pending request waits for the end of a znode's promotion, or of the replay below it. */
void pk_pending_wait_for(struct pk_judged *j, struct pk_znode *z);

/* What to say of a request that cannot be taken now. */
static inline enum pk_decision pk_not_now(const struct pk_judged *j)
{
    return j->c->pending != NULL ? PK_BEGUN : PK_WAITS;
}

/* Before memory answers anything the ensemble must have answered something: it may insist on authentication first. True
 * when it has; else it is asked, where that is not under way. */
bool pk_pending_admitted(struct pk_judged *j);

#endif
