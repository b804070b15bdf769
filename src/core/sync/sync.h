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
    unsigned fails;           /* in a row */
    int64_t next_us;          /* not opened again before */
    int64_t worked_us;        /* when it last had something to do */
    struct core_auth *auths;  /* owned */
    size_t nauths;
    bool to_compare;      /* restored znodes may not have been compared with the ensemble yet */
    bool to_hand_over;    /* some mount may hold what its mode does not */
    bool releasing;       /* as fast as the ensemble takes it */
    uint32_t handed_over; /* znodes since the newest tick */
};

struct pk_sync {
    const struct pk_mem *mem;
    struct core_stats *stats;
    struct pk_store *store;
    struct pk_conns *conns;
    struct pk_pool permits;
    struct pk_list
        hurried; /* dirty cached znodes with so much pending that they do not wait for their time */
    struct pk_list orphans; /* dirty ones that no client's uplink flushes */
    struct pk_list refused; /* of these, what the service session may not flush either */
    struct pk_list retired; /* cached values that have ended, oldest first */
    uint32_t promotions;    /* under way */
    struct pk_service service;
};

#endif
