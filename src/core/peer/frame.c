/*
 * The link's frames.
 *
 * Happy path: sized first, then written into one piece of room.
 * Failure modes: a body that is cut short or says more than it has does not decode; nothing is read past its end.
 */
#include "core/peer/frame.h"

uint8_t *pk_frame_put(uint8_t *p, enum pk_frame_kind kind, size_t body)
{
    p = pk_put32(p, (uint32_t)(1 + body));
    *p = (uint8_t)kind;
    return p + 1;
}

size_t pk_frame_next(const uint8_t *p, size_t n, size_t most, int *kind, struct pk_bytes *body)
{
    if (n < PK_LEN_WORD)
        return 0;
    size_t len = pk_load32(p);
    if (len == 0 || len > most)
        return SIZE_MAX;
    if (n - PK_LEN_WORD < len)
        return 0;
    *kind = p[PK_LEN_WORD];
    *body = (struct pk_bytes){p + PK_FRAME_HEAD, (uint32_t)len - 1};
    return PK_LEN_WORD + len;
}

size_t pk_hello_mounts_len(const struct pk_mount *mounts, size_t n)
{
    size_t len = 4;
    for (size_t i = 0; i < n; i++)
        len += pk_bytes_len(mounts[i].path) + 4 + 4;
    return len;
}

uint8_t *pk_hello_mounts_put(uint8_t *p, const struct pk_mount *mounts, size_t n)
{
    p = pk_put32(p, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        p = pk_put_bytes(p, mounts[i].path);
        p = pk_put32(p, (uint32_t)mounts[i].wanted);
        p = pk_put32(p, mounts[i].config.max_znode);
    }
    return p;
}

static size_t hello_body(const struct pk_hello *h, enum pk_frame_kind kind)
{
    size_t len = 4 + pk_bytes_len(h->incarnation) + pk_bytes_len(h->address) + pk_bytes_len(h->mounts);
    return len + (kind == PK_FRAME_WELCOME ? 8 + 8 + pk_bytes_len(h->passwd) : 0);
}

size_t pk_hello_len(const struct pk_hello *h, enum pk_frame_kind kind)
{
    return PK_FRAME_HEAD + hello_body(h, kind);
}

uint8_t *pk_hello_put(uint8_t *p, const struct pk_hello *h, enum pk_frame_kind kind)
{
    p = pk_put_int(pk_frame_put(p, kind, hello_body(h, kind)), h->version);
    p = pk_put_bytes(pk_put_bytes(pk_put_bytes(p, h->incarnation), h->address), h->mounts);
    if (kind != PK_FRAME_WELCOME)
        return p;
    return pk_put_bytes(pk_put_long(pk_put_long(p, h->epoch), h->session_id), h->passwd);
}

bool pk_hello_get(struct pk_bytes body, enum pk_frame_kind kind, struct pk_hello *h)
{
    struct pk_in in = pk_in(body.p, body.len);
    *h = (struct pk_hello){.version = pk_get_int(&in)};
    h->incarnation = pk_get_bytes(&in);
    h->address = pk_get_bytes(&in);
    h->mounts = pk_get_bytes(&in);
    if (kind == PK_FRAME_WELCOME) {
        h->epoch = pk_get_long(&in);
        h->session_id = pk_get_long(&in);
        h->passwd = pk_get_bytes(&in);
    }
    return !in.bad && h->incarnation.len == PK_INCARNATION;
}

size_t pk_refused_len(const struct pk_refused *r)
{
    return PK_FRAME_HEAD + 4 + pk_bytes_len(r->incarnation) + pk_bytes_len(r->text);
}

uint8_t *pk_refused_put(uint8_t *p, const struct pk_refused *r)
{
    p = pk_put_int(pk_frame_put(p, PK_FRAME_REFUSED, pk_refused_len(r) - PK_FRAME_HEAD), r->why);
    return pk_put_bytes(pk_put_bytes(p, r->incarnation), r->text);
}

bool pk_refused_get(struct pk_bytes body, struct pk_refused *r)
{
    struct pk_in in = pk_in(body.p, body.len);
    r->why = pk_get_int(&in);
    r->incarnation = pk_get_bytes(&in);
    r->text = pk_get_bytes(&in);
    return !in.bad && r->incarnation.len == PK_INCARNATION;
}

uint8_t *pk_longs_put(uint8_t *p, enum pk_frame_kind kind, const int64_t *v, int n)
{
    p = pk_frame_put(p, kind, 8 * (size_t)n);
    for (int i = 0; i < n; i++)
        p = pk_put_long(p, v[i]);
    return p;
}

bool pk_longs_get(struct pk_bytes body, int64_t v[PK_FRAME_LONGS], int n)
{
    struct pk_in in = pk_in(body.p, body.len);
    for (int i = 0; i < PK_FRAME_LONGS; i++)
        v[i] = pk_in_left(&in) >= 8 ? pk_get_long(&in) : 0;
    return body.len >= 8 * (size_t)n;
}
