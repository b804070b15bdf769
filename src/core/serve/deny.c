/*
 * Refusals. Happy path: the request is the oldest, the ensemble has let the client in, and nothing is under way that
 * may prove who it is. Failure modes: until then the request waits, and is judged anew.
 */
#include "core/serve/deny.h"

#include "core/serve/count.h"
#include "core/serve/reply.h"
#include "core/sync/identify.h"
#include "core/sync/keepalive.h"

static void say(struct pk_judged *j, const struct pk_denial *denial)
{
    j->sync->stats->requests_denied++;
    if (!j->c->denied)
        pk_conns_log(j->sync->conns, PK_LOG_EVENT_DENIED, &j->c->up, denial->path, j->req->op);
    j->c->denied = true;
}

enum pk_decision pk_deny(struct pk_judged *j, const struct pk_denial *denial)
{
    struct pk_conns *conns = j->sync->conns;
    struct pk_client *c = j->c;
    bool denied = denial->err == PK_Z_NO_AUTH;
    c->awaits_turn = !pk_client_is_head(c);
    if (c->awaits_turn || !pk_pending_admitted(j) || pk_identify_pending(c))
        return pk_not_now(j);
    if (denied)
        say(j, denial);
    if (denied && j->req->op == PK_OP_MULTI)
        pk_reply_multi_error(conns, c, j->req->xid, denial->ops, denial->op, denial->err);
    else
        pk_reply_header(conns, c, j->req->xid, denial->err);
    pk_tally_answer(pk_count_tally(j), j->req->op, PK_OUTCOME_REFUSED);
    pk_keepalive(j->sync, c);
    pk_pending_drop(j->sync, c);
    return PK_TAKEN;
}
