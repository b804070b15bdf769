/*
 * Fuzz target: the opening between members. The first byte is how long the pieces are in which the rest arrives, the
 * second one whose end this is, and whether a true mac is put behind the rest, as somebody with the secret could. What
 * comes of it is the same as in one piece. Failure: a sanitizer's finding or an abort.
 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "proto/member.h"
#include "tests/fuzz/must.h"

enum { SERVER, SERVER_KNOWS, GREETED, ANSWERED, ENDS };

static const uint8_t nonce[PK_MEMBER_NONCE] = {1, 2, 3};
static const struct pk_bytes secret = {(const uint8_t *)"0123456789abcdef", 16};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(struct pk_member_opening *o, int end)
{
    const struct pk_member_claim claim = {.kind = PK_MEMBER_RELAY, .family = PK_PROXY_IPV4};
    struct pk_bytes greeting;
    struct pk_member_opening server = {0};
    memset(o, 0, sizeof *o);
    if (end == SERVER || end == SERVER_KNOWS)
        (void)pk_member_greet(o, nonce);
    if (end != ANSWERED)
        return;
    greeting = pk_member_greet(&server, nonce);
    const uint8_t *p = greeting.p;
    size_t n = greeting.len;
    must(pk_member_take_greeting(o, &p, &n) == PK_MEMBER_WHOLE);
    (void)pk_member_claim(o, secret, nonce, &claim);
}

static enum pk_member_part take(struct pk_member_opening *o, int end, const uint8_t **p, size_t *n,
                                struct pk_member_claim *claim)
{
    if (end == GREETED)
        return pk_member_take_greeting(o, p, n);
    return end == ANSWERED ? pk_member_take_answer(o, secret, p, n)
                           : pk_member_take_claim(o, secret, p, n, claim);
}

static enum pk_member_part in_pieces(int end, const uint8_t *p, size_t size, size_t piece, size_t *taken)
{
    struct pk_member_opening o;
    struct pk_member_claim claim = {0};
    enum pk_member_part part = PK_MEMBER_MORE;
    begin(&o, end);
    *taken = 0;
    while (part == PK_MEMBER_MORE && *taken < size) {
        size_t n = size - *taken < piece ? size - *taken : piece, left = n;
        const uint8_t *at = p + *taken;
        part = take(&o, end, &at, &left, &claim);
        must(left <= n && at == p + *taken + (n - left) && o.said <= sizeof o.bytes);
        must(part != PK_MEMBER_MORE || left == 0);
        *taken += n - left;
    }
    if (part == PK_MEMBER_WHOLE && end <= SERVER_KNOWS)
        must(claim.kind == PK_MEMBER_RELAY || claim.kind == PK_MEMBER_OWN ||
             (claim.kind == PK_MEMBER_LINK && claim.family == PK_PROXY_LOCAL));
    return part;
}

/* The message with the mac behind it that its sender would make. */
static size_t prove(uint8_t *to, const uint8_t *p, size_t n)
{
    uint8_t text[6 + PK_MEMBER_GREETING + PK_MEMBER_CLAIM] = "client";
    struct pk_member_opening o = {0};
    struct pk_bytes greeting = pk_member_greet(&o, nonce);
    n = n < PK_MEMBER_HEAD + PK_PROXY_MOST ? n : PK_MEMBER_HEAD + PK_PROXY_MOST;
    memcpy(text + 6, greeting.p, greeting.len);
    memcpy(text + 6 + greeting.len, p, n);
    memcpy(to, p, n);
    HMAC(EVP_sha256(), secret.p, (int)secret.len, text, 6 + greeting.len + n, to + n, NULL);
    return n + PK_MEMBER_MAC;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t proved[PK_MEMBER_CLAIM];
    size_t once = 0, pieces = 0, piece;
    if (size < 2)
        return 0;
    int end = data[1] % ENDS;
    piece = (size_t)data[0] + 1;
    data += 2;
    size -= 2;
    if (end == SERVER_KNOWS) {
        size = prove(proved, data, size);
        data = proved;
    }
    enum pk_member_part part = in_pieces(end, data, size, size + 1, &once);
    must(in_pieces(end, data, size, piece, &pieces) == part);
    must(part != PK_MEMBER_WHOLE || once == pieces);
    return 0;
}
