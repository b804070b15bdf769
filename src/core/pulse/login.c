/*
 * Logins of Pacemaker's clients.
 *
 * Happy path: DIGEST is a challenge for the client's request, then its response, answered by a token and
 * SASL_COMPLETE; KERBEROS is a token for the client's first, then SASL_COMPLETE alone.
 * Failure modes: a token that nobody asked for, a login where nobody logs in, a second one: the end of that connection
 * without a reply, as is a refusal. The reason is in the driver's log.
 */
#include "core/pulse/login.h"

#include "core/conn/send.h"

static bool asks_for_challenge(const struct pk_pulse *m)
{
    int16_t code;
    return pk_pulse_get_control(m, &code) && code == PK_PULSE_TOKEN_REQUEST;
}

/* The token for the driver; false for what is out of place. */
static bool take(const struct pk_pacemaker *pm, const struct pk_client *c, const struct pk_pulse *m,
                 struct pk_bytes *token)
{
    *token = (struct pk_bytes){NULL, 0};
    if (pm->login == PK_LOGIN_DIGEST && c->login == PK_LOGIN_NEW)
        return asks_for_challenge(m);
    bool begins = pm->login == PK_LOGIN_KERBEROS && c->login == PK_LOGIN_NEW;
    return (begins || c->login == PK_LOGIN_HIS_TURN) && pk_pulse_get_token(m, token);
}

void pk_login_judge(struct pk_pacemaker *pm, struct pk_client *c, const struct pk_pulse *m)
{
    struct pk_bytes token;
    struct pk_conns *conns = pm->sync->conns;
    if (!take(pm, c, m, &token)) {
        pk_conn_close(conns, &c->up, PK_CLOSE_MALFORMED_MESSAGE);
        return;
    }
    c->token = pk_blob_new(conns->mem, token.p, token.len);
    if (c->token == NULL) {
        pk_conn_close(conns, &c->up, PK_CLOSE_NO_MEMORY);
        return;
    }
    c->login = PK_LOGIN_ASKED;
    c->token_wanted = true;
    pk_conn_changed(conns, &c->up);
}

bool pk_login_take(struct pk_client *c, struct pk_iov *token)
{
    if (!c->token_wanted)
        return false;
    c->token_wanted = false;
    *token = (struct pk_iov){c->token->bytes, c->token->len};
    return true;
}

void pk_login_forget(const struct pk_mem *mem, struct pk_client *c)
{
    pk_blob_unref(mem, c->token);
    c->token = NULL;
    c->token_wanted = false;
    c->login = PK_LOGIN_OVER;
}

static void put_token(struct pk_conns *conns, struct pk_client *c, struct pk_bytes token)
{
    uint8_t *p = pk_client_room(conns, c, PK_ON_ORDER, PK_PULSE_TOKEN_LEN + token.len);
    if (p != NULL)
        pk_pulse_put_token(p, token);
    c->sent++;
}

static void put_complete(struct pk_conns *conns, struct pk_client *c)
{
    uint8_t *p = pk_client_room(conns, c, PK_ON_ORDER, PK_PULSE_CONTROL_LEN);
    if (p != NULL)
        pk_pulse_put_control(p, PK_PULSE_COMPLETE);
    c->sent++;
}

void pk_login_answered(struct pk_pacemaker *pm, struct pk_client *c, enum core_sasl how,
                       struct pk_bytes token)
{
    struct pk_conns *conns = pm->sync->conns;
    if (!pk_login_waits(c) || c->token_wanted)
        return;
    pk_login_forget(conns->mem, c);
    conns->stats->sasl_authenticated += how == PK_SASL_ENDS;
    conns->stats->sasl_refused += how == PK_SASL_FAILS;
    if (how == PK_SASL_FAILS) {
        pk_conn_close(conns, &c->up, PK_CLOSE_SASL_REFUSED);
        return;
    }
    if (how == PK_SASL_GOES_ON)
        c->login = PK_LOGIN_HIS_TURN;
    if (how == PK_SASL_GOES_ON || token.p != NULL)
        put_token(conns, c, token);
    if (how == PK_SASL_ENDS)
        put_complete(conns, c);
    pk_client_wake(conns, c);
}
