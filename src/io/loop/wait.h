/*
 * Waiting for something that a lower folder brings about: who waits hangs in a list there, and is called when it is
 * time to try again. The lower folder knows nothing of who waits.
 */
#ifndef PK_IO_LOOP_WAIT_H
#define PK_IO_LOOP_WAIT_H

#include "base/list.h"

struct pk_waiter {
    struct pk_list list;
    /* turned_away: what was waited for will not do; try another. The wait is in no list any more. */
    void (*go)(struct pk_waiter *wait, bool turned_away);
};

static inline void pk_waiter_init(struct pk_waiter *wait, void (*go)(struct pk_waiter *, bool))
{
    pk_list_init(&wait->list);
    wait->go = go;
}

/* Calls the one that has waited longest; false when nobody waits. */
static inline bool pk_waiters_call_one(struct pk_list *waiters, bool turned_away)
{
    if (pk_list_empty(waiters))
        return false;
    struct pk_waiter *wait = PK_CONTAINER(waiters->next, struct pk_waiter, list);
    pk_list_del(&wait->list);
    wait->go(wait, turned_away);
    return true;
}

/* Calls all that wait now; who comes back into the list meanwhile stays there. */
static inline void pk_waiters_call(struct pk_list *waiters, bool turned_away)
{
    struct pk_list now;
    pk_list_take(waiters, &now);
    while (pk_waiters_call_one(&now, turned_away))
        continue;
}

#endif
