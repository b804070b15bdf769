/*
 * Digests of passwords. The id that one has in the scheme digest: "user:" and the SHA-1 of "user:password" in base64
 * (org.apache.zookeeper.server.auth.DigestAuthenticationProvider.generateDigest, with its default algorithm).
 */
#ifndef PK_PROTO_DIGEST_H
#define PK_PROTO_DIGEST_H

#include "proto/jute.h"

enum {
    PK_DIGEST_TEXT = 28,    /* characters of the base64 */
    PK_DIGEST_SECRET = 172, /* the same of Pacemaker's */
};

/* Characters of the id. */
size_t pk_digest_id_len(struct pk_bytes user_password);
/* Writes them, without a terminator. user_password: as in an addauth packet; the user is what stands before the first
 * colon, all of it where there is none. */
void pk_digest_id(uint8_t *to, struct pk_bytes user_password);

/* What the password of DIGEST-MD5 is to Storm's Pacemaker: SHA-512 of "user:password" in hexadecimal, that in base64
 * (ClientAuthUtils.makeDigestPayload, SaslUtils.encodePassword). PK_DIGEST_SECRET bytes, without a terminator. */
void pk_digest_secret(uint8_t *to, struct pk_bytes user_password);

#endif
