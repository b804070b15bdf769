/*
 * Work with the ensemble that no client's request is by itself: promotions, flushes, prechecks, and the service session
 * on which it goes when no client's uplink carries it.
 */
#ifndef PK_CORE_SYNC_SYNC_H
#define PK_CORE_SYNC_SYNC_H

#include "core/conn/send.h"
#include "core/store/store.h"
#include "core/sync/auth.h"

/* The service session (service.h). */
struct pk_service {
    struct pk_uplink *uplink; /* NULL when there is none */
    int64_t session_id; /* of the newest session, taken up again on another server; 0 a new one is made */
    uint8_t passwd[PK_PASSWD_LEN]; /* its own */
    unsigned fails;                /* to get a session, in a row */
    int64_t next_us;               /* not opened again before */
    int64_t worked_us;             /* when it last had something to do */
    int64_t sent_us;               /* when its newest request was sent */
    struct core_auth *auths;       /* owned */
    size_t nauths;
    bool to_compare;      /* restored znodes may not have been compared with the ensemble yet */
    bool to_hand_over;    /* some mount may hold what its mode does not */
    bool releasing;       /* as fast as the ensemble takes it */
    uint32_t handed_over; /* znodes since the newest tick */
};

enum { PK_DUMMY_LEN = 28 };

/* What is being promoted (promote.h). */
struct pk_promoter {
    struct pk_list wanted;  /* struct pk_tracking.wanted, first come first served, ancestors first */
    struct pk_batch *batch; /* the one under way, or to be verified; NULL */
    uint32_t refusals;      /* by the ensemble, so far */
    int32_t ops;            /* operations of the next batch, as many as are answered soon (batch.h), */
    int64_t quick_us;       /* and what a batch has taken lately when it was quick */
    char dummy[PK_DUMMY_LEN +
               1]; /* name of the child that stands for local deletes, a slash before it: nobody's guess */
};

/* Who has the service session as its own: a member of a group, which has it open always. */
struct pk_sync_hook {
    void *member;
    int32_t timeout_ms; /* of the session, asked for */
    /* PK_ANSWER_GROUP: the answer, or that there will be none (r NULL). */
    void (*answered)(void *member, const struct pk_entry *e, const struct pk_reply *r, struct pk_bytes body);
    /* The session has ended: expired, or closed; else it is taken up again. */
    void (*ended)(void *member, bool over);
};

struct pk_sync {
    const struct pk_mem *mem;
    struct core_stats *stats;
    struct pk_store *store;
    struct pk_conns *conns;
    struct pk_pool permits;
    struct pk_list
        stuck; /* pk_wait of requests that need a flush which nobody may send but a silent server's client */
    struct pk_list
        hurried; /* dirty cached znodes with so much pending that they do not wait for their time */
    struct pk_list orphans; /* dirty ones that no client's uplink flushes */
    struct pk_list refused; /* of these, what the service session may not flush either */
    struct pk_list retired; /* cached values that have ended, oldest first */
    struct pk_promoter promoter;
    struct pk_service service;
    const struct pk_sync_hook *hook; /* NULL: no group */
    /* A copy becomes memory: nobody is told of it, or changes it, and nothing is sent for it. */
    bool restoring;
};

/* There is a service session, or one may be opened: the newest attempt is not too short ago. */
static inline bool pk_service_may_work(const struct pk_sync *sync)
{
    return sync->service.uplink != NULL || sync->conns->now_us >= sync->service.next_us;
}

#endif
