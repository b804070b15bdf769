/*
 * Jute primitives as ZooKeeper puts them on the wire: big-endian integers, buffers and strings with an int32
 * length whose value -1 means null, vectors with an int32 count whose value -1 means null.
 *
 * Reading is through a cursor with a sticky failure: a read past the end, or a length below -1 or beyond what
 * remains, sets `bad`, yields zero or null, and every later read does the same; the caller checks once at the
 * end. Writing is through pointers into room that the caller has sized with the PK_..._LEN constants.
 */
#ifndef PK_PROTO_JUTE_H
#define PK_PROTO_JUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes of a buffer or ustring; p == NULL is null on the wire, len == 0 with p != NULL is empty. */
struct pk_bytes {
    const uint8_t *p;
    uint32_t len;
};

struct pk_in {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct pk_in pk_in(const uint8_t *p, size_t len)
{
    return (struct pk_in){p, p + len, false};
}

static inline size_t pk_in_left(const struct pk_in *in)
{
    return (size_t)(in->end - in->p);
}

/* Advances over n bytes and returns their start, or NULL and `bad` when fewer remain. */
static inline const uint8_t *pk_in_take(struct pk_in *in, size_t n)
{
    if (in->bad || pk_in_left(in) < n) {
        in->bad = true;
        return NULL;
    }
    const uint8_t *p = in->p;
    in->p += n;
    return p;
}

/* Not jute's: of what is spoken beside it. */
static inline uint16_t pk_load16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t pk_load32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t pk_load64(const uint8_t *p)
{
    return (uint64_t)pk_load32(p) << 32 | pk_load32(p + 4);
}

static inline int32_t pk_get_int(struct pk_in *in)
{
    const uint8_t *p = pk_in_take(in, 4);
    return p != NULL ? (int32_t)pk_load32(p) : 0;
}

static inline int64_t pk_get_long(struct pk_in *in)
{
    const uint8_t *p = pk_in_take(in, 8);
    return p != NULL ? (int64_t)pk_load64(p) : 0;
}

/* Any non-zero byte is true, as in the server's reader. */
static inline bool pk_get_bool(struct pk_in *in)
{
    const uint8_t *p = pk_in_take(in, 1);
    return p != NULL && *p != 0;
}

/* A buffer or a ustring: both are length and bytes. */
static inline struct pk_bytes pk_get_bytes(struct pk_in *in)
{
    struct pk_bytes b = {NULL, 0};
    int32_t len = pk_get_int(in);
    if (in->bad || len == -1)
        return b;
    if (len < -1) {
        in->bad = true;
        return b;
    }
    b.p = pk_in_take(in, (size_t)len);
    b.len = b.p != NULL ? (uint32_t)len : 0;
    return b;
}

/* Count of a vector, -1 for null; a count that cannot fit into what remains (min_each bytes an element) is
 * bad. */
static inline int32_t pk_get_count(struct pk_in *in, size_t min_each)
{
    int32_t n = pk_get_int(in);
    if (in->bad || n <= 0)
        return n < -1 ? 0 : n;
    if ((size_t)n > pk_in_left(in) / min_each) {
        in->bad = true;
        return 0;
    }
    return n;
}

static inline uint8_t *pk_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

static inline uint8_t *pk_put32(uint8_t *p, uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap32(v); /* one store: compilers turn four byte stores in a row into vector code */
#endif
    memcpy(p, &v, sizeof v);
    return p + 4;
}

static inline uint8_t *pk_put_int(uint8_t *p, int32_t v)
{
    return pk_put32(p, (uint32_t)v);
}

static inline uint8_t *pk_put_long(uint8_t *p, int64_t v)
{
    uint64_t u = (uint64_t)v;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    u = __builtin_bswap64(u);
#endif
    memcpy(p, &u, sizeof u);
    return p + 8;
}

static inline uint8_t *pk_put_bool(uint8_t *p, bool v)
{
    *p = v ? 1 : 0;
    return p + 1;
}

static inline size_t pk_bytes_len(struct pk_bytes b)
{
    return 4 + (size_t)b.len;
}

static inline uint8_t *pk_put_bytes(uint8_t *p, struct pk_bytes b)
{
    p = pk_put_int(p, b.p != NULL ? (int32_t)b.len : -1);
    if (b.len > 0)
        memcpy(p, b.p, b.len);
    return p + b.len;
}

static inline bool pk_bytes_eq(struct pk_bytes a, struct pk_bytes b)
{
    return a.len == b.len && (a.p == NULL) == (b.p == NULL) && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* A C string constant as bytes without its terminator. */
#define PK_BYTES(literal) ((struct pk_bytes){(const uint8_t *)(literal), (uint32_t)(sizeof(literal) - 1)})

#endif
