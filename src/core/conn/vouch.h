/*
 * A standby vouches for its clients at the primary: what a client has proved to it (a certificate, an exchange of SASL
 * that ended there) the primary cannot see, and its mounts' policies ask for.
 *
 *   standby: proved ──► frame (proto/member.h), ahead of the client's requests ──► primary: an identity of the client
 *
 * All of them are told again to each primary to which the client's uplink leads.
 */
#ifndef PK_CORE_CONN_VOUCH_H
#define PK_CORE_CONN_VOUCH_H

#include "core/conn/conns.h"

/* Has the uplink, which has just been connected to the primary, begin with all identities of its client. PK_ENOMEM. */
enum pk_err pk_vouch_all(struct pk_conns *conns, struct pk_uplink *u) PK_NODISCARD;
/* The client has proved this: tells the primary, where its uplink leads there and has begun. PK_ENOMEM. */
enum pk_err pk_vouch(struct pk_conns *conns, struct pk_uplink *u,
                     const struct pk_blob *identity) PK_NODISCARD;

/* Whether a frame of a client with this length word is one; only of a relayed client it is. */
bool pk_vouch_is(const struct pk_client *c, uint32_t word);
/* Bytes of a frame with this length word, without the word, whatever it is. */
uint32_t pk_vouch_len(uint32_t word);
/* Such a frame has come, with the word. Out of memory: the client is to end. */
void pk_vouch_taken(struct pk_conns *conns, struct pk_client *c, const uint8_t *frame);

#endif
