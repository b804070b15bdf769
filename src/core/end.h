/*
 * The end of connections: the one place that tears down (design.md 11).
 */
#ifndef PK_CORE_END_H
#define PK_CORE_END_H

#include "core/state.h"

/* Tears down the connections that have been marked (pk_conn_close): what they awaited is told that there will be no
 * answer, their watches and permits end, their uplinks close; the client's last replies are still flushed. */
void pk_end_all_marked(struct core *core);
static inline void pk_end_marked(struct core *core)
{
    if (!pk_list_empty(&core->conns.ending))
        pk_end_all_marked(core);
}
/* Ends a connection now and frees it; its id is dead from here on. */
void pk_end_free(struct core *core, struct pk_uplink *u);

#endif
