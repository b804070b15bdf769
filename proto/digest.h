/*
 * The id that a password has in the scheme digest: "user:" and the SHA-1 of "user:password" in base64
 * (org.apache.zookeeper.server.auth.DigestAuthenticationProvider.generateDigest, with its default algorithm).
 */
#ifndef PK_PROTO_DIGEST_H
#define PK_PROTO_DIGEST_H

#include "proto/jute.h"

enum { PK_DIGEST_TEXT = 28 /* characters of the base64 */ };

/* Characters of the id. */
size_t pk_digest_id_len(struct pk_bytes user_password);
/* Writes them, without a terminator. user_password: as in an addauth packet; the user is what stands before the first
 * colon, all of it where there is none. */
void pk_digest_id(uint8_t *to, struct pk_bytes user_password);

#endif
