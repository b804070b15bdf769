/*
 * Paths as bytes.
 *
 * Happy path: one pass over the bytes. A path that is not valid is never held; the ensemble says what is wrong with it.
 */
#include "proto/path.h"

size_t pk_utf8(const uint8_t *s, size_t n, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    uint32_t c = len == 1 ? s[0] : s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (c < least[len] || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return len;
}

static bool char_allowed(uint32_t c)
{
    return c > 0x1f && !(c >= 0x7f && c <= 0x9f) && !(c >= 0xd800 && c <= 0xf8ff) && !(c >= 0xfff0);
}

static bool component_allowed(const uint8_t *s, size_t n)
{
    return n > 0 && !(n == 1 && s[0] == '.') && !(n == 2 && s[0] == '.' && s[1] == '.');
}

bool pk_path_valid(struct pk_bytes path)
{
    if (path.len == 0 || path.p[0] != '/')
        return false;
    if (path.len == 1)
        return true;
    size_t start = 1;
    for (size_t i = 1; i < path.len;) {
        uint32_t c;
        size_t len = pk_utf8(path.p + i, path.len - i, &c);
        if (len == 0 || !char_allowed(c))
            return false;
        if (c == '/') {
            if (!component_allowed(path.p + start, i - start))
                return false;
            start = i + 1;
        }
        i += len;
    }
    return component_allowed(path.p + start, path.len - start);
}

struct pk_bytes pk_path_parent(struct pk_bytes path)
{
    uint32_t n = path.len;
    while (n > 0 && path.p[n - 1] != '/')
        n--;
    if (n == 0 || path.len == 1)
        return (struct pk_bytes){NULL, 0};
    return (struct pk_bytes){path.p, n > 1 ? n - 1 : 1};
}

struct pk_bytes pk_path_name(struct pk_bytes path)
{
    uint32_t n = path.len;
    while (n > 0 && path.p[n - 1] != '/')
        n--;
    return (struct pk_bytes){path.p + n, path.len - n};
}

bool pk_path_below(struct pk_bytes path, struct pk_bytes root)
{
    if (root.len <= 1)
        return root.p != NULL && path.len > 1 && path.p[0] == '/';
    return path.len > root.len + 1 && path.p[root.len] == '/' && memcmp(path.p, root.p, root.len) == 0;
}
