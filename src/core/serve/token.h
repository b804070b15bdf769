/*
 * SASL tokens of clients (request type 102) whose exchanges end here. What a token is answered with the driver finds
 * out; the request waits for it as for anything else that was begun, and is answered in its turn.
 */
#ifndef PK_CORE_SERVE_TOKEN_H
#define PK_CORE_SERVE_TOKEN_H

#include "base/iov.h"
#include "core/conn/sasl.h"
#include "core/serve/pending.h"

/* Judges a request of type 102. */
enum pk_decision pk_token_route(struct pk_judged *j);
/* The client's token that the driver is to be given with this update, if there is a new one. */
bool pk_token_take(struct pk_client *c, struct pk_iov *token);
/* The client has left: nobody waits for an answer to its token. */
void pk_token_forget(struct pk_sync *sync, struct pk_client *c);
/* The driver has the answer; token NULL is the null one. Nobody who waits for it: nothing happens. */
void pk_token_answered(struct pk_sync *sync, struct pk_client *c, enum core_sasl how, struct pk_bytes token);

#endif
