/*
 * Waiting: who waits hangs on what it waits for, and the end of one thing wakes nobody else.
 */
#ifndef PK_CORE_CONN_WAIT_H
#define PK_CORE_CONN_WAIT_H

#include <stdbool.h>

#include "base/list.h"

struct pk_client;
struct pk_conns;

/* A client's place in the list of one thing: a znode's tracking, a cached znode's write-back, a promotion. */
struct pk_wait {
    struct pk_list list; /* self-linked: it waits for nothing */
    struct pk_client *client;
};

static inline bool pk_waits(const struct pk_wait *w)
{
    return !pk_list_empty(&w->list);
}

/* Hangs it at the end of a list, taken out of another where it is in one. */
static inline void pk_wait_on(struct pk_wait *w, struct pk_list *waiters)
{
    pk_list_del(&w->list);
    pk_list_add_tail(waiters, &w->list);
}

/* Everyone in the list is judged again, in the order in which they came; the list is empty then. */
void pk_wake_all(struct pk_conns *conns, struct pk_list *waiters);

#endif
