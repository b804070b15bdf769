/*
 * The answers to a multi, and the operations of one that we make ourselves.
 */
#ifndef PK_PROTO_MULTI_H
#define PK_PROTO_MULTI_H

#include "proto/records.h"

/* The first error of a failed multi and its index: operations before it have 0, those after it -2. False when there is
 * none (protocol.md 6). */
bool pk_multi_first_error(struct pk_bytes body, uint32_t *at, int32_t *code);
/* True for the answer to a multi of at least one operation that was carried out. */
bool pk_multi_succeeded(const struct pk_reply *r, struct pk_bytes body);

#endif
