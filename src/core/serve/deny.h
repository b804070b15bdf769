/*
 * Answering what the policy of a mount does not allow.
 */
#ifndef PK_CORE_SERVE_DENY_H
#define PK_CORE_SERVE_DENY_H

#include "core/serve/guard.h"
#include "core/serve/pending.h"

/* Refuses the request when it is its turn, as a server would: the error alone, in a multi that of the operation. */
enum pk_decision pk_deny(struct pk_judged *j, const struct pk_denial *denial);

#endif
