/*
 * What the unit tests share (support.h).
 *
 * Happy path: plain helpers around malloc and mmap.
 * Failure modes: a missing golden file or a full machine fails the test that asked, with the name of the
 * file.
 */
#include "support.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, len)   ((void)(p), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(p, len) ((void)(p), (void)(len))
#endif

enum { HEAD = 16, LARGE = 64 * 1024, FILLED = 4096, IDLE = 4 };

/* Large blocks that were given back, for the next ones of their sizes: a core has some, and fuzzing makes thousands of
 * cores a second, for each of which the kernel would have to find pages. */
static struct {
    uint8_t *p;
    size_t size;
} idle[IDLE];

static uint8_t *take_block(size_t size)
{
    for (int i = 0; size >= LARGE && i < IDLE; i++) {
        uint8_t *p = idle[i].p;
        if (p == NULL || idle[i].size != size)
            continue;
        ASAN_UNPOISON_MEMORY_REGION(p, HEAD + size);
        idle[i].p = NULL;
        return p;
    }
    return malloc(HEAD + size);
}

static void give_block(uint8_t *p, size_t size)
{
    for (int i = 0; size >= LARGE && i < IDLE; i++) {
        if (idle[i].p != NULL)
            continue;
        idle[i].p = p;
        idle[i].size = size;
        ASAN_POISON_MEMORY_REGION(p, HEAD + size);
        return;
    }
    free(p);
}

static void fill(uint8_t *p, uint8_t with, size_t size)
{
    memset(p, with, size < LARGE ? size : FILLED);
}

static void *seam_resize(void *ctx, void *p, size_t size)
{
    struct sup_mem *m = ctx;
    m->calls++;
    assert_true(size > 0);
    if (m->fail_at != 0 && (m->calls == m->fail_at || (m->all_after && m->calls > m->fail_at))) {
        m->failed++;
        return NULL;
    }
    uint8_t *fresh = take_block(size);
    assert_non_null(fresh);
    memcpy(fresh, &size, sizeof size);
    fill(fresh + HEAD, 0xa5, size);
    m->bytes += size;
    m->blocks++;
    if (p != NULL) {
        size_t old;
        memcpy(&old, (uint8_t *)p - HEAD, sizeof old);
        memcpy(fresh + HEAD, p, old < size ? old : size);
        m->bytes -= old;
        m->blocks--;
        give_block((uint8_t *)p - HEAD, old);
    }
    return fresh + HEAD;
}

static void seam_release(void *ctx, void *p)
{
    struct sup_mem *m = ctx;
    size_t old;
    memcpy(&old, (uint8_t *)p - HEAD, sizeof old);
    fill(p, 0x5a, old);
    m->bytes -= old;
    m->blocks--;
    give_block((uint8_t *)p - HEAD, old);
}

void sup_mem_init(struct sup_mem *m)
{
    *m = (struct sup_mem){.mem = {seam_resize, seam_release, NULL}};
    m->mem.ctx = m;
}

void sup_mem_fail(struct sup_mem *m, uint64_t nth)
{
    m->fail_at = nth > 0 ? m->calls + nth : 0;
}

void sup_file(char path[SUP_PATH], const char *text)
{
    snprintf(path, SUP_PATH, "/tmp/pk-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static size_t fence_size(size_t len, size_t page)
{
    return (len + page - 1) / page * page + page;
}

uint8_t *sup_fence(const void *p, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = fence_size(len, page);
    uint8_t *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base + size - page, page, PROT_NONE), 0);
    uint8_t *at = base + size - page - len;
    if (len > 0)
        memcpy(at, p, len);
    return at;
}

void sup_unfence(uint8_t *p, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = fence_size(len, page);
    munmap(p + len + page - size, size);
}

uint64_t sup_rand(struct sup_rng *r)
{
    uint64_t z = (r->s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t sup_below(struct sup_rng *r, uint32_t n)
{
    return (uint32_t)(sup_rand(r) >> 32) % n;
}

/* Room for so many bytes more, which are b's from here on. */
static uint8_t *grow(struct sup_buf *b, size_t len)
{
    if (b->len + len > b->cap) {
        b->cap = (b->len + len) * 2 > 256 ? (b->len + len) * 2 : 256;
        b->p = realloc(b->p, b->cap);
        assert_non_null(b->p);
    }
    b->len += len;
    return b->p + b->len - len;
}

void sup_raw(struct sup_buf *b, const void *p, size_t len)
{
    uint8_t *to = grow(b, len);
    if (len > 0)
        memcpy(to, p, len);
}

void sup_int(struct sup_buf *b, int64_t v)
{
    (void)pk_put32(grow(b, 4), (uint32_t)v);
}

void sup_long(struct sup_buf *b, int64_t v)
{
    (void)pk_put_long(grow(b, 8), v);
}

void sup_byte(struct sup_buf *b, int v)
{
    uint8_t c = (uint8_t)v;
    sup_raw(b, &c, 1);
}

void sup_str(struct sup_buf *b, const char *s)
{
    sup_int(b, s != NULL ? (int64_t)strlen(s) : -1);
    if (s != NULL)
        sup_raw(b, s, strlen(s));
}

uint32_t sup_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int64_t sup_be64(const uint8_t *p)
{
    return (int64_t)((uint64_t)sup_be32(p) << 32 | sup_be32(p + 4));
}

void sup_buf_reset(struct sup_buf *b)
{
    b->len = 0;
}

void sup_buf_free(struct sup_buf *b)
{
    free(b->p);
    *b = (struct sup_buf){0};
}

bool sup_is(struct pk_bytes b, const char *s)
{
    if (s == NULL || b.p == NULL)
        return s == NULL && b.p == NULL;
    return b.len == strlen(s) && memcmp(b.p, s, b.len) == 0;
}

struct pk_bytes sup_bytes(const char *s)
{
    return (struct pk_bytes){(const uint8_t *)s, s != NULL ? (uint32_t)strlen(s) : 0};
}

static size_t unhex(const char *hex, uint8_t *out, size_t room)
{
    size_t n = 0;
    for (; isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]); hex += 2) {
        char two[3] = {hex[0], hex[1], 0};
        assert_true(n < room);
        out[n++] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

size_t sup_golden(const char *name, struct sup_golden **out)
{
    static char path[4096], line[4096];
    const char *top = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/tests/golden/%s.hex", top != NULL ? top : ".", name);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_msg("cannot read %s (set top_srcdir)", path);
    size_t n = 0;
    *out = NULL;
    while (fgets(line, sizeof line, f) != NULL) {
        char *bar = strchr(line, '|');
        if (line[0] == '#' || bar == NULL)
            continue;
        *out = realloc(*out, (n + 1) * sizeof **out);
        assert_non_null(*out);
        struct sup_golden *g = &(*out)[n++];
        g->mark = line[0];
        snprintf(g->text, sizeof g->text, "%.*s", (int)(bar - line - 1), line + 1);
        g->len = unhex(bar + 2, g->bytes, sizeof g->bytes);
    }
    fclose(f);
    assert_true(n > 0);
    return n;
}

const char *sup_field(const struct sup_golden *line, const char *key)
{
    static char value[400];
    size_t n = strlen(key);
    for (const char *at = line->text; (at = strchr(at, ' ')) != NULL;) {
        at++;
        if (strncmp(at, key, n) == 0 && at[n] == '=') {
            size_t len = strcspn(at + n + 1, " ");
            snprintf(value, sizeof value, "%.*s", (int)len, at + n + 1);
            return value;
        }
    }
    return NULL;
}
