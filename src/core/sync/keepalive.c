/*
 * Keeping sessions alive.
 *
 * Happy path: a comparison per absorbed request.
 * Failure modes: a question about a cached znode that is under way already becomes a ping; a request that is answered
 * late, because it waited, is no sign of life by then.
 */
#include "core/sync/keepalive.h"

#include "core/sync/flush.h"
#include "core/sync/permit.h"

/* Validates the value of each permit in turn; false when there is none, or that is under way. */
static bool look_at_next(struct pk_sync *sync, struct pk_client *c)
{
    if (pk_list_empty(&c->permits))
        return false;
    struct pk_permit *p = PK_CONTAINER(c->permits.next, struct pk_permit, of_client);
    pk_list_del(&p->of_client);
    pk_list_add_tail(&c->permits, &p->of_client);
    return pk_flush_look(sync, &c->up, p->writeback);
}

void pk_keepalive(struct pk_sync *sync, struct pk_client *c)
{
    struct pk_uplink *u = &c->up;
    int64_t now_us = sync->conns->now_us, timeout_us = (int64_t)u->timeout_ms * 1000;
    if (now_us - u->wrote_us <= timeout_us / 6 || now_us - c->heard_us > timeout_us / 3)
        return;
    if (!pk_uplink_usable(u) || u->awaited.npings == PK_PINGS_MAX)
        return;
    sync->stats->keepalives++;
    if (!look_at_next(sync, c))
        pk_send_ping(sync->conns, u);
}
