/*
 * SASL tokens.
 *
 *   request 102 ──at its turn──► pending ──PK_SASL_STEP──► driver ──PK_CLIENT_SASL──► reply, the next request
 *
 * Happy path: two or three of these before the client's first request; a reply has zxid 0, as a server's has.
 * Failure modes: a body that does not decode closes without a reply, and what the driver refuses is AUTHFAILED with a
 * null token, then the end: both as a server does (protocol.md 7).
 */
#include "core/serve/token.h"

static bool read_token(const struct pk_request *req, struct pk_bytes *token)
{
    struct pk_in in = pk_in(req->body.p, req->body.len);
    *token = pk_get_bytes(&in);
    return !in.bad && token->p != NULL;
}

enum pk_decision pk_token_route(struct pk_judged *j)
{
    struct pk_client *c = j->c;
    struct pk_bytes token;
    if (!read_token(j->req, &token)) {
        pk_conn_close(j->sync->conns, &c->up, PK_CLOSE_MALFORMED_REQUEST);
        return PK_TAKEN;
    }
    if (c->pending != NULL || !pk_client_is_head(c))
        return pk_not_now(j);
    struct pk_pending *p = pk_pending_enter(j, PK_STAGE_TOKEN);
    if (p == NULL)
        return PK_TAKEN;
    p->token_wanted = true;
    pk_conn_changed(j->sync->conns, &c->up);
    return PK_BEGUN;
}

bool pk_token_take(struct pk_client *c, struct pk_iov *out)
{
    struct pk_bytes token;
    if (c->pending == NULL || !c->pending->token_wanted || !read_token(&c->pending->req, &token))
        return false;
    c->pending->token_wanted = false;
    *out = (struct pk_iov){token.p, token.len};
    return true;
}

void pk_token_forget(struct pk_sync *sync, struct pk_client *c)
{
    if (c->pending != NULL && c->pending->stage == PK_STAGE_TOKEN)
        pk_pending_drop(sync, c);
}

static void reply(struct pk_conns *conns, struct pk_client *c, int32_t err, struct pk_bytes token)
{
    size_t body = pk_bytes_len(token);
    uint8_t *p = pk_client_room(conns, c, PK_ON_ORDER, PK_LEN_WORD + PK_REPLY_HEADER + body);
    if (p == NULL)
        return;
    c->sent++;
    c->local++;
    conns->stats->requests_local++;
    pk_put_bytes(pk_put_reply(p, body, c->pending->req.xid, 0, err), token);
}

void pk_token_answered(struct pk_sync *sync, struct pk_client *c, enum core_sasl how, struct pk_bytes token)
{
    if (c->pending == NULL || c->pending->stage != PK_STAGE_TOKEN || c->pending->token_wanted)
        return;
    bool refused = how == PK_SASL_FAILS;
    reply(sync->conns, c, refused ? PK_Z_AUTH_FAILED : PK_Z_OK, token);
    c->received++;
    sync->stats->sasl_authenticated += how == PK_SASL_ENDS;
    sync->stats->sasl_refused += refused;
    pk_pending_drop(sync, c);
    if (refused)
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_SASL_REFUSED);
    else
        pk_client_wake(sync->conns, c);
}
