/*
 * Learning who a client is, from what the ensemble answers to its credentials.
 *
 *   addauth digest ──OK──► digest:user:HASH
 *   SASL, relayed  ──the token that ends an exchange──► whoAmI of our own (servers from 3.7 on) ──► sasl:name
 */
#ifndef PK_CORE_SYNC_IDENTIFY_H
#define PK_CORE_SYNC_IDENTIFY_H

#include "core/sync/sync.h"

enum {
    PK_RELEASE_WHO_AM_I = 0x0307 /* the first release that knows whoAmI; others close at an unknown type */
};

/* Notes in the entry what an addauth packet will prove; the client is to end when memory is short. */
void pk_identify_claim(struct pk_sync *sync, struct pk_client *c, struct pk_entry *e, struct pk_bytes body);
/* The ensemble has answered credentials; body is empty while only the answer's head is here. */
void pk_identify_answered(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                          const struct pk_reply *r, struct pk_bytes body);
/* The answer to our whoAmI. */
void pk_identify_told(struct pk_sync *sync, struct pk_client *c, const struct pk_reply *r,
                      struct pk_bytes body);
/* True when an answer that is under way may add to the client's identities, all its requests so far having been
 * answered. */
bool pk_identify_pending(const struct pk_client *c);

#endif
