/*
 * The reply queue's order.
 *
 * Happy path: an answer belongs to the head of the uplink's list.
 * Failure modes: an answer that matches nothing is reported, and the connection closes on both sides.
 */
#include "core/queue.h"

void pk_queue_init(struct pk_queue *q)
{
    *q = (struct pk_queue){0};
    pk_list_init(&q->client);
    pk_list_init(&q->uplink);
}

/* Servers answer these outside the order of the request pipeline (protocol facts 4.3). */
static bool may_overtake(const struct pk_entry *e, const struct pk_reply *r, bool header_only)
{
    if (e->answer == PK_ANSWER_AUTH)
        return true;
    return header_only && r->err != PK_Z_OK;
}

struct pk_entry *pk_queue_match(const struct pk_queue *q, const struct pk_reply *r, bool header_only)
{
    for (struct pk_list *at = q->uplink.next; at != &q->uplink; at = at->next) {
        struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, uplink);
        if (e->xid == r->xid && (at == q->uplink.next || may_overtake(e, r, header_only)))
            return e;
    }
    return NULL;
}

void pk_queue_ping(struct pk_queue *q, bool ours)
{
    q->pings |= (uint64_t)ours << q->npings;
    q->npings++;
}

int pk_queue_pong(struct pk_queue *q)
{
    if (q->npings == 0)
        return -1;
    int ours = (int)(q->pings & 1);
    q->pings >>= 1;
    q->npings--;
    return ours;
}
