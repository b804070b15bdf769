/*
 * Openings between members. Happy path: greeting, claim, answer, each taken as it comes in. Failure modes: another
 * beginning, a version or a kind that is not spoken, an address that is none; a mac that is not the secret's, compared
 * in the same time wherever it differs.
 */
#include "proto/member.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { VERSION_AT = 0, KIND_AT = 2, NONCE_AT = 3, EPOCH_AT = 35, SILENT_AT = 43, LENGTH_AT = 51, WORD = 6 };

static const uint8_t magic[] = {'P', 'K', 'M', 'B'};

/* Of the first n bytes of what was said. */
static void make_mac(const struct pk_member_opening *o, size_t n, struct pk_bytes secret, const char *word,
                     uint8_t mac[PK_MEMBER_MAC])
{
    uint8_t text[WORD + sizeof o->bytes];
    memcpy(text, word, WORD);
    memcpy(text + WORD, o->bytes, n);
    HMAC(EVP_sha256(), secret.p, (int)secret.len, text, WORD + n, mac, NULL);
}

/* Ends a message that is said here. */
static void add_mac(struct pk_member_opening *o, struct pk_bytes secret, const char *word)
{
    make_mac(o, o->said, secret, word, o->bytes + o->said);
    o->said += PK_MEMBER_MAC;
}

/* The message that has come in ends in its mac. */
static bool proved(const struct pk_member_opening *o, struct pk_bytes secret, const char *word)
{
    uint8_t mac[PK_MEMBER_MAC];
    size_t n = o->said - (size_t)PK_MEMBER_MAC;
    make_mac(o, n, secret, word, mac);
    return CRYPTO_memcmp(mac, o->bytes + n, sizeof mac) == 0;
}

/* Takes bytes until so many of the message are there. */
static bool fill(struct pk_member_opening *o, size_t wanted, const uint8_t **p, size_t *n)
{
    size_t have = (size_t)(o->said - o->begun);
    size_t some = wanted - have < *n ? wanted - have : *n;
    memcpy(o->bytes + o->said, *p, some);
    o->said = (uint16_t)(o->said + some);
    *p += some;
    *n -= some;
    return have + some == wanted;
}

static struct pk_bytes said_since(const struct pk_member_opening *o, size_t at)
{
    return (struct pk_bytes){o->bytes + at, (uint32_t)(o->said - at)};
}

/* ---- the server ---- */

struct pk_bytes pk_member_greet(struct pk_member_opening *o, const uint8_t nonce[PK_MEMBER_NONCE])
{
    memcpy(o->bytes, magic, sizeof magic);
    pk_put16(o->bytes + sizeof magic, PK_MEMBER_VERSION);
    memcpy(o->bytes + sizeof magic + 2, nonce, PK_MEMBER_NONCE);
    o->said = o->begun = PK_MEMBER_GREETING;
    return said_since(o, 0);
}

/* The client's address; a link has none. */
static bool read_address(struct pk_member_claim *claim, const uint8_t *p, size_t n)
{
    struct pk_proxy_header h = {0};
    claim->family = PK_PROXY_LOCAL;
    if (claim->kind == PK_MEMBER_LINK)
        return n == 0;
    if (pk_proxy_take(&h, &p, &n) != PK_PROXY_WHOLE || n != 0)
        return false;
    claim->family = h.family;
    claim->port = h.port;
    memcpy(claim->address, h.address, sizeof claim->address);
    return true;
}

static bool read_claim(struct pk_member_claim *claim, const uint8_t *p)
{
    *claim = (struct pk_member_claim){.kind = (enum pk_member_kind)p[KIND_AT],
                                      .epoch = (int64_t)pk_load64(p + EPOCH_AT),
                                      .silent_us = (int64_t)pk_load64(p + SILENT_AT)};
    return claim->kind >= PK_MEMBER_LINK && claim->kind <= PK_MEMBER_OWN && claim->silent_us >= 0 &&
           read_address(claim, p + PK_MEMBER_HEAD, pk_load16(p + LENGTH_AT));
}

size_t pk_member_wanted(const struct pk_member_opening *o)
{
    size_t have = (size_t)(o->said - o->begun);
    if (have < PK_MEMBER_HEAD)
        return PK_MEMBER_HEAD - have;
    return PK_MEMBER_HEAD + pk_load16(o->bytes + o->begun + LENGTH_AT) + PK_MEMBER_MAC - have;
}

enum pk_member_part pk_member_take_claim(struct pk_member_opening *o, struct pk_bytes secret,
                                         const uint8_t **p, size_t *n, struct pk_member_claim *claim)
{
    const uint8_t *message = o->bytes + o->begun;
    if (o->said - o->begun < PK_MEMBER_HEAD && !fill(o, PK_MEMBER_HEAD, p, n))
        return PK_MEMBER_MORE;
    size_t more = pk_load16(message + LENGTH_AT);
    if (pk_load16(message + VERSION_AT) != PK_MEMBER_VERSION || more > PK_PROXY_MOST)
        return PK_MEMBER_BAD;
    if (!fill(o, PK_MEMBER_HEAD + more + PK_MEMBER_MAC, p, n))
        return PK_MEMBER_MORE;
    if (!proved(o, secret, "client"))
        return PK_MEMBER_WRONG;
    return read_claim(claim, message) ? PK_MEMBER_WHOLE : PK_MEMBER_BAD;
}

struct pk_bytes pk_member_answer(struct pk_member_opening *o, struct pk_bytes secret, bool taken)
{
    size_t at = o->said;
    o->bytes[o->said++] = taken;
    add_mac(o, secret, "server");
    return said_since(o, at);
}

/* ---- the client ---- */

enum pk_member_part pk_member_take_greeting(struct pk_member_opening *o, const uint8_t **p, size_t *n)
{
    bool whole = fill(o, PK_MEMBER_GREETING, p, n);
    if (memcmp(o->bytes, magic, o->said < sizeof magic ? o->said : sizeof magic) != 0)
        return PK_MEMBER_BAD;
    if (!whole)
        return PK_MEMBER_MORE;
    return pk_load16(o->bytes + sizeof magic) >= PK_MEMBER_VERSION ? PK_MEMBER_WHOLE : PK_MEMBER_BAD;
}

struct pk_bytes pk_member_claim(struct pk_member_opening *o, struct pk_bytes secret,
                                const uint8_t nonce[PK_MEMBER_NONCE], const struct pk_member_claim *claim)
{
    size_t at = o->said, n = 0;
    uint8_t *p = o->bytes + at;
    pk_put16(p + VERSION_AT, PK_MEMBER_VERSION);
    p[KIND_AT] = (uint8_t)claim->kind;
    memcpy(p + NONCE_AT, nonce, PK_MEMBER_NONCE);
    (void)pk_put_long(pk_put_long(p + EPOCH_AT, claim->epoch), claim->silent_us);
    if (claim->kind != PK_MEMBER_LINK)
        n = pk_proxy_write(p + PK_MEMBER_HEAD, claim->family, claim->address, claim->port);
    pk_put16(p + LENGTH_AT, (uint16_t)n);
    o->said = (uint16_t)(at + PK_MEMBER_HEAD + n);
    add_mac(o, secret, "client");
    o->begun = o->said;
    return said_since(o, at);
}

enum pk_member_part pk_member_take_answer(struct pk_member_opening *o, struct pk_bytes secret,
                                          const uint8_t **p, size_t *n)
{
    if (!fill(o, PK_MEMBER_ANSWER, p, n))
        return PK_MEMBER_MORE;
    if (!proved(o, secret, "server"))
        return PK_MEMBER_WRONG;
    return o->bytes[o->begun] == 1 ? PK_MEMBER_WHOLE : PK_MEMBER_REFUSED;
}
