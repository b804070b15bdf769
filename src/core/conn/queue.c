/*
 * The reply queue's order.
 *
 * Happy path: an answer belongs to the head of the uplink's list.
 * Failure modes: an answer that matches nothing is reported, and the connection closes on both sides.
 */
#include "core/conn/queue.h"

#include "base/check.h"

void pk_queue_init(struct pk_queue *q)
{
    *q = (struct pk_queue){0};
    pk_list_init(&q->entries);
}

void pk_awaited_init(struct pk_awaited *a)
{
    *a = (struct pk_awaited){0};
    pk_list_init(&a->entries);
}

/* What a server says before a request has reached its pipeline: protocol.md 4.3. */
static bool is_early(int32_t err)
{
    switch (err) {
    case PK_Z_SESSION_CLOSED_REQUIRE_SASL_AUTH:
    case PK_Z_NOT_READ_ONLY:
    case PK_Z_NO_AUTH:
    case PK_Z_UNIMPLEMENTED:
        return true;
    default:
        return false;
    }
}

static bool may_overtake(const struct pk_entry *e, const struct pk_reply *r, bool header_only)
{
    return e->answer == PK_ANSWER_AUTH || (header_only && is_early(r->err));
}

struct pk_entry *pk_awaited_match(const struct pk_awaited *a, const struct pk_reply *r, bool header_only)
{
    for (struct pk_list *at = a->entries.next; at != &a->entries; at = at->next) {
        struct pk_entry *e = PK_CONTAINER(at, struct pk_entry, uplink);
        if (e->asked_xid == r->xid && (at == a->entries.next || may_overtake(e, r, header_only)))
            return e;
    }
    return NULL;
}

void pk_awaited_ping(struct pk_awaited *a, bool ours)
{
    PK_BUG_ON(a->npings == PK_PINGS_MAX);
    a->pings |= (uint64_t)ours << a->npings;
    a->npings++;
}

int pk_awaited_pong(struct pk_awaited *a)
{
    if (a->npings == 0)
        return -1;
    int ours = (int)(a->pings & 1);
    a->pings >>= 1;
    a->npings--;
    return ours;
}
