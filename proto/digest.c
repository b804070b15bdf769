/*
 * Ids of the scheme digest. Happy path: one hash. Failure modes: none, every sequence of bytes has an id.
 */
#include "proto/digest.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/hex.h"

static size_t user_len(struct pk_bytes b)
{
    const uint8_t *colon = b.len > 0 ? memchr(b.p, ':', b.len) : NULL;
    return colon != NULL ? (size_t)(colon - b.p) : b.len;
}

size_t pk_digest_id_len(struct pk_bytes user_password)
{
    return user_len(user_password) + 1 + PK_DIGEST_TEXT;
}

void pk_digest_id(uint8_t *to, struct pk_bytes user_password)
{
    uint8_t hash[SHA_DIGEST_LENGTH], text[PK_DIGEST_TEXT + 1];
    size_t n = user_len(user_password);
    if (n > 0)
        memcpy(to, user_password.p, n);
    to[n] = ':';
    SHA1(user_password.p, user_password.len, hash);
    EVP_EncodeBlock(text, hash, sizeof hash);
    memcpy(to + n + 1, text, PK_DIGEST_TEXT);
}

void pk_digest_secret(uint8_t *to, struct pk_bytes user_password)
{
    uint8_t hash[SHA512_DIGEST_LENGTH], text[PK_DIGEST_SECRET + 1];
    char hex[2 * SHA512_DIGEST_LENGTH];
    SHA512(user_password.p, user_password.len, hash);
    pk_put_hex(hex, hash, sizeof hash);
    EVP_EncodeBlock(text, (const uint8_t *)hex, sizeof hex);
    memcpy(to, text, PK_DIGEST_SECRET);
}
