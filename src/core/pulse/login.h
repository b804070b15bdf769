/*
 * How a Pacemaker's client logs in: SASL tokens in messages of its protocol. What a token is answered with the driver
 * finds out (PK_SASL_STEP); until then the client's next message waits.
 *
 *   NEW ──SASL_TOKEN_REQUEST (DIGEST), token (KERBEROS)──► ASKED ──GOES_ON──► HIS_TURN ──token──► ASKED ──ENDS──► OVER
 *    └────────────any other message, which is judged as of somebody whom nobody knows, also from HIS_TURN────────► OVER
 *
 * Storm's own daemon takes no login after another message either: the client ends then.
 */
#ifndef PK_CORE_PULSE_LOGIN_H
#define PK_CORE_PULSE_LOGIN_H

#include "base/iov.h"
#include "core/conn/sasl.h"
#include "core/pulse/pacemaker.h"

/* Where the login of one client stands: pk_client.login. */
enum pk_login_state { PK_LOGIN_NEW, PK_LOGIN_ASKED, PK_LOGIN_HIS_TURN, PK_LOGIN_OVER };

/* A control message or a token; one that is out of place, or that nobody wants, marks the client to end. */
void pk_login_judge(struct pk_pacemaker *pm, struct pk_client *c, const struct pk_pulse *m);
/* A message that is neither has come. */
static inline void pk_login_pass(struct pk_client *c)
{
    c->login = PK_LOGIN_OVER;
}
/* True while the next message waits for an answer of the driver. */
static inline bool pk_login_waits(const struct pk_client *c)
{
    return c->login == PK_LOGIN_ASKED;
}
/* The client's token that the driver is to be given with this update, if there is a new one. */
bool pk_login_take(struct pk_client *c, struct pk_iov *token);
/* The client has left, or ends: nobody waits for an answer to its token. */
void pk_login_forget(const struct pk_mem *mem, struct pk_client *c);
/* The driver has the answer; token NULL is none. Nobody who waits for it: nothing happens. */
void pk_login_answered(struct pk_pacemaker *pm, struct pk_client *c, enum core_sasl how,
                       struct pk_bytes token);

#endif
