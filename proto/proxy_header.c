/*
 * PROXY headers. Happy path: the bytes match one of the two beginnings, then come the addresses, of which the source is
 * kept; what version 2 may append is skipped. Failure modes: bytes that begin otherwise; a header that is too long, has
 * another version, another command, a family that is not TCP over IP, or an address or port that is none.
 */
#include "proto/proxy_header.h"

#include <stdbool.h>
#include <string.h>

#include "proto/jute.h"

enum {
    V2_FIXED = 16,
    V2_IPV4 = 12,
    V2_IPV6 = 36,
    LOCAL = 0x20,
    PROXY = 0x21,
    TCP4 = 0x11,
    TCP6 = 0x21,
};

static const uint8_t v1_start[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t v2_start[] = {'\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

/* ---- version 1: text ---- */

struct text {
    const char *p, *end;
};

static bool take_word(struct text *t, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(t->end - t->p) < len || memcmp(t->p, word, len) != 0)
        return false;
    t->p += len;
    return true;
}

/* A number of at most `most`, without zeros in front. */
static bool take_number(struct text *t, unsigned most, unsigned *out)
{
    const char *start = t->p;
    unsigned value = 0;
    while (t->p < t->end && *t->p >= '0' && *t->p <= '9' && value <= most)
        value = value * 10 + (unsigned)(*t->p++ - '0');
    *out = value;
    return t->p > start && value <= most && (*start != '0' || t->p == start + 1);
}

static bool take_ipv4(struct text *t, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned part = 0;
        if ((i > 0 && !take_word(t, ".")) || !take_number(t, 255, &part))
            return false;
        out[i] = (uint8_t)part;
    }
    return true;
}

static bool take_group(struct text *t, uint8_t out[2])
{
    unsigned value = 0;
    int digits = 0;
    for (; t->p < t->end && digits < 5; t->p++, digits++) {
        char c = *t->p;
        if (c >= '0' && c <= '9')
            value = value * 16 + (unsigned)(c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            value = value * 16 + (unsigned)((c | 0x20) - 'a' + 10);
        else
            break;
    }
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return digits >= 1 && digits <= 4;
}

/* The last four bytes may be written as IPv4 has them. */
static bool take_tail(struct text *t, uint8_t *out, int room)
{
    struct text ahead = *t;
    if (room < 4 || !take_ipv4(&ahead, out))
        return false;
    *t = ahead;
    return true;
}

/* Groups with colons between, up to a double colon or the end; returns how many bytes, -1 for no address. */
static int take_groups(struct text *t, uint8_t *out, int room)
{
    int n = 0;
    if (t->p < t->end && (*t->p == ':' || *t->p == ' '))
        return 0;
    while (n < room) {
        if (take_tail(t, out + n, room - n))
            return n + 4;
        if (!take_group(t, out + n))
            return -1;
        n += 2;
        bool more = t->end - t->p >= 2 && t->p[0] == ':' && t->p[1] != ':';
        if (!more)
            break;
        t->p++;
    }
    return n;
}

static bool take_ipv6(struct text *t, uint8_t out[16])
{
    uint8_t head[16] = {0}, tail[16] = {0};
    int nhead = take_groups(t, head, 16), ntail = 0;
    if (nhead < 0)
        return false;
    bool gap = take_word(t, "::");
    if (gap)
        ntail = take_groups(t, tail, 16);
    if (ntail < 0 || (gap ? nhead + ntail > 14 : nhead != 16))
        return false;
    memset(out, 0, 16);
    memcpy(out, head, (size_t)nhead);
    memcpy(out + 16 - ntail, tail, (size_t)ntail);
    return true;
}

static bool take_address(struct text *t, uint8_t family, uint8_t out[16])
{
    return family == PK_PROXY_IPV4 ? take_ipv4(t, out) : take_ipv6(t, out);
}

static bool parse_v1(struct pk_proxy_header *h)
{
    uint8_t to[16];
    unsigned from_port = 0, to_port = 0;
    struct text t = {(const char *)h->bytes + sizeof v1_start, (const char *)h->bytes + h->have - 2};
    if (t.end < t.p || t.end[0] != '\r')
        return false;
    if (take_word(&t, "UNKNOWN"))
        return t.p == t.end || *t.p == ' ';
    h->family = take_word(&t, "TCP4 ")   ? PK_PROXY_IPV4
                : take_word(&t, "TCP6 ") ? PK_PROXY_IPV6
                                         : PK_PROXY_LOCAL;
    if (h->family == PK_PROXY_LOCAL || !take_address(&t, h->family, h->address) || !take_word(&t, " ") ||
        !take_address(&t, h->family, to) || !take_word(&t, " ") || !take_number(&t, UINT16_MAX, &from_port) ||
        !take_word(&t, " ") || !take_number(&t, UINT16_MAX, &to_port))
        return false;
    h->port = (uint16_t)from_port;
    return t.p == t.end;
}

static enum pk_proxy_part take_v1(struct pk_proxy_header *h, const uint8_t **p, size_t *n)
{
    while (*n > 0) {
        if (h->have == PK_PROXY_MOST)
            return PK_PROXY_BAD;
        uint8_t byte = h->bytes[h->have++] = **p;
        (*p)++;
        (*n)--;
        if (byte == '\n')
            return parse_v1(h) ? PK_PROXY_WHOLE : PK_PROXY_BAD;
    }
    return PK_PROXY_MORE;
}

/* ---- version 2: binary ---- */

/* How many bytes of version 2 are looked at; -1 when the first 16 do not allow it. */
static int v2_wanted(const struct pk_proxy_header *h)
{
    uint8_t command = h->bytes[12], family = h->bytes[13];
    uint16_t len = pk_load16(h->bytes + 14);
    if (command == LOCAL)
        return V2_FIXED;
    int addresses = family == TCP4 ? V2_IPV4 : family == TCP6 ? V2_IPV6 : -1;
    return command == PROXY && addresses > 0 && len >= addresses ? V2_FIXED + addresses : -1;
}

static void parse_v2(struct pk_proxy_header *h)
{
    const uint8_t *source = h->bytes + V2_FIXED;
    if (h->bytes[12] == LOCAL)
        return;
    size_t len = h->bytes[13] == TCP4 ? 4 : 16;
    h->family = len == 4 ? PK_PROXY_IPV4 : PK_PROXY_IPV6;
    memcpy(h->address, source, len);
    h->port = pk_load16(source + 2 * len);
}

static bool fill(struct pk_proxy_header *h, size_t wanted, const uint8_t **p, size_t *n)
{
    size_t some = wanted - h->have < *n ? wanted - h->have : *n;
    memcpy(h->bytes + h->have, *p, some);
    h->have = (uint8_t)(h->have + some);
    *p += some;
    *n -= some;
    return h->have == wanted;
}

static enum pk_proxy_part take_v2(struct pk_proxy_header *h, const uint8_t **p, size_t *n)
{
    if (h->have < V2_FIXED && !fill(h, V2_FIXED, p, n))
        return PK_PROXY_MORE;
    int wanted = v2_wanted(h);
    if (wanted < 0)
        return PK_PROXY_BAD;
    if (!fill(h, (size_t)wanted, p, n))
        return PK_PROXY_MORE;
    size_t all = (size_t)V2_FIXED + pk_load16(h->bytes + 14), left = all - (size_t)wanted - h->skip;
    size_t some = left < *n ? left : *n;
    h->skip = (uint16_t)(h->skip + some);
    *p += some;
    *n -= some;
    if (some < left)
        return PK_PROXY_MORE;
    parse_v2(h);
    return PK_PROXY_WHOLE;
}

/* ---- both ---- */

/* Takes what both have in common: a beginning that is always the same. */
static enum pk_proxy_part take_start(struct pk_proxy_header *h, const uint8_t *start, size_t len,
                                     const uint8_t **p, size_t *n)
{
    while (h->have<len && * n> 0) {
        if (**p != start[h->have])
            return PK_PROXY_MISSING;
        h->bytes[h->have++] = **p;
        (*p)++;
        (*n)--;
    }
    return h->have < len ? PK_PROXY_MORE : PK_PROXY_WHOLE;
}

enum pk_proxy_part pk_proxy_take(struct pk_proxy_header *h, const uint8_t **p, size_t *n)
{
    if (*n == 0)
        return PK_PROXY_MORE;
    bool text = (h->have > 0 ? h->bytes[0] : **p) == v1_start[0];
    const uint8_t *start = text ? v1_start : v2_start;
    enum pk_proxy_part part = take_start(h, start, text ? sizeof v1_start : sizeof v2_start, p, n);
    if (part != PK_PROXY_WHOLE)
        return part;
    return text ? take_v1(h, p, n) : take_v2(h, p, n);
}

size_t pk_proxy_write(uint8_t *to, enum pk_proxy_family family, const uint8_t *address, uint16_t port)
{
    size_t each = family == PK_PROXY_IPV4 ? 4 : family == PK_PROXY_IPV6 ? 16 : 0;
    size_t addresses = each > 0 ? 2 * each + 4 : 0;
    memset(to, 0, V2_FIXED + addresses);
    memcpy(to, v2_start, sizeof v2_start);
    to[12] = each > 0 ? PROXY : LOCAL;
    to[13] = each == 4 ? TCP4 : each == 16 ? TCP6 : 0;
    to[15] = (uint8_t)addresses;
    memcpy(to + V2_FIXED, address, each);
    if (each > 0)
        pk_put16(to + V2_FIXED + 2 * each, port);
    return V2_FIXED + addresses;
}
