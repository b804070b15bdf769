/*
 * The owners of internal requests.
 *
 * Happy path: one switch, by what the answer is for.
 * Failure modes: an uplink that is lost tells every owner; a session that the ensemble wants to see authenticated first
 * makes the client's waiting request be answered so.
 */
#include "core/sync/internal.h"

#include "core/conn/hold.h"
#include "core/sync/flush.h"
#include "core/sync/handover.h"
#include "core/sync/identify.h"
#include "core/sync/precheck.h"
#include "core/sync/promote.h"

static void tell(struct pk_sync *sync, struct pk_uplink *u, const struct pk_entry *e,
                 const struct pk_reply *r, struct pk_bytes body)
{
    switch ((enum pk_answer)e->answer) {
    case PK_ANSWER_PRECHECK:
        pk_precheck_answer(sync, e->owner, e->part, r, body);
        break;
    case PK_ANSWER_PROMOTION:
        pk_promote_answer(sync, u, e->part, r, body);
        break;
    case PK_ANSWER_FLUSH:
    case PK_ANSWER_VERIFY:
        pk_flush_answer(sync, u, e->owner, r, body);
        break;
    case PK_ANSWER_COMPARE:
        pk_handover_compared(sync, pk_entry_path(e), r);
        break;
    case PK_ANSWER_WHO_AM_I:
        pk_identify_told(sync, u->client, r, body);
        break;
    case PK_ANSWER_WATCHES:
        pk_hold_replied(sync->conns, u->client);
        break;
    case PK_ANSWER_GROUP:
        sync->hook->answered(sync->hook->member, e, r, body);
        break;
    case PK_ANSWER_LEAVE:
        pk_conn_close(sync->conns, u, PK_CLOSE_SESSION_CLOSED);
        break;
    default:
        break;
    }
}

void pk_internal_answer(struct pk_sync *sync, struct pk_uplink *u, struct pk_entry *e,
                        const struct pk_reply *r, struct pk_bytes body)
{
    struct pk_client *c = u->client;
    tell(sync, u, e, r, body);
    if (c == NULL && e->op == PK_OP_AUTH && r->err != PK_Z_OK)
        pk_conns_log(sync->conns, PK_LOG_EVENT_SERVICE_AUTH, u, (struct pk_bytes){NULL, 0}, r->err);
    if (c != NULL && e->op == PK_OP_AUTH && r->err != PK_Z_OK)
        pk_conn_close(sync->conns, u, PK_CLOSE_HOLD_AUTH);
    pk_entry_free(sync->conns, c, e);
    if (c == NULL)
        return;
    /* It may have been all that one who leaves was waiting for. */
    if (c->leaving || c->state == PK_CLIENT_GONE || sync->conns->draining)
        pk_client_wake(sync->conns, c);
    if (r->err == PK_Z_SESSION_CLOSED_REQUIRE_SASL_AUTH) {
        c->refusal = r->err;
        pk_client_wake(sync->conns, c);
    }
}

void pk_internal_lost(struct pk_sync *sync, struct pk_uplink *u, struct pk_entry *e)
{
    if (e->answer == PK_ANSWER_FLUSH || e->answer == PK_ANSWER_VERIFY)
        pk_flush_lost(sync, e->owner);
    if (e->answer == PK_ANSWER_PROMOTION)
        pk_promote_lost(sync, u->why == PK_CLOSE_UPLINK_LOST);
    if (e->answer == PK_ANSWER_GROUP && sync->hook != NULL)
        sync->hook->answered(sync->hook->member, e, NULL, (struct pk_bytes){NULL, 0});
    pk_entry_free(sync->conns, u->client, e);
}
