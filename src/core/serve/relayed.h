/*
 * What the ensemble decides: requests relayed as they stand, and those for which it is brought up to date first.
 */
#ifndef PK_CORE_SERVE_RELAYED_H
#define PK_CORE_SERVE_RELAYED_H

#include "core/serve/pending.h"

/* Relays the request. path: for answers that need it, else null. */
enum pk_decision pk_relay_request(struct pk_judged *j, enum pk_answer answer, struct pk_bytes path);
/* Anything that memory does not absorb: promotes and flushes what it targets, marks what it may change or watch,
 * relays. */
enum pk_decision pk_relay_unusual(struct pk_judged *j, enum pk_answer answer, struct pk_bytes path);

#endif
