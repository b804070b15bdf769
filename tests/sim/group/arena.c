/*
 * The memory of the members (arena.h).
 *
 * Happy path: blocks of a size class are taken from those that were given back, else behind the newest one.
 * Failure modes: where the addresses are somebody's already, others are taken, the same ones in this process; when it
 * is full the test ends.
 */
#include "arena.h"

#include <sys/mman.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif

enum {
    HEAD = 16, /* in front of a block: its size */
    UNIT = 16,
    SMALL = 32, /* classes of one unit each; beyond, each is twice the one before */
    CLASSES = SMALL + 26,
    FILLED = 4096,
};
static const size_t room = (size_t)1 << 30;
static const uintptr_t place = (uintptr_t)1 << 45;

static struct {
    uint8_t *base;
    size_t used;
    void *idle[CLASSES]; /* each points to the next */
} arena;

void arena_begin(void)
{
    uint8_t *base = arena.base;
    if (base == NULL) {
        void *wanted = (void *)place; /* NOLINT(performance-no-int-to-ptr) */
        base = mmap(wanted, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert_true(base != MAP_FAILED);
    }
    memset(&arena, 0, sizeof arena);
    arena.base = base;
}

static unsigned class_of(size_t size)
{
    size_t units = (HEAD + size + UNIT - 1) / UNIT;
    return units <= SMALL ? (unsigned)units - 1 : SMALL - 6 + 64 - (unsigned)__builtin_clzll(units - 1);
}

static size_t class_size(unsigned class)
{
    return class < SMALL ? UNIT * (size_t)(class + 1) : (size_t)UNIT * SMALL << (class - SMALL + 1);
}

static uint8_t *take(size_t size)
{
    unsigned class = class_of(size);
    assert_true(class < CLASSES);
    uint8_t *p = arena.idle[class];
    if (p != NULL) {
        memcpy(&arena.idle[class], p, sizeof(void *));
    } else {
        p = arena.base + arena.used;
        arena.used += class_size(class);
        assert_true(arena.base != NULL && arena.used <= room);
    }
    memcpy(p, &size, sizeof size);
    memset(p + HEAD, 0xa5, size < FILLED ? size : FILLED);
    return p + HEAD;
}

static void give(struct sup_mem *m, uint8_t *p)
{
    size_t size;
    memcpy(&size, p - HEAD, sizeof size);
    m->bytes -= size;
    m->blocks--;
    memset(p, 0x5a, size < FILLED ? size : FILLED);
    unsigned class = class_of(size);
    memcpy(p - HEAD, &arena.idle[class], sizeof(void *));
    arena.idle[class] = p - HEAD;
}

static void *arena_resize(void *ctx, void *p, size_t size)
{
    struct sup_mem *m = ctx;
    uint8_t *fresh = take(size);
    m->calls++;
    m->bytes += size;
    m->blocks++;
    if (p != NULL) {
        size_t old;
        memcpy(&old, (uint8_t *)p - HEAD, sizeof old);
        memcpy(fresh, p, old < size ? old : size);
        give(m, p);
    }
    return fresh;
}

static void arena_release(void *ctx, void *p)
{
    give(ctx, p);
}

void arena_mem(struct sup_mem *m)
{
    sup_mem_init(m);
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer)
    m->mem.resize = arena_resize;
    m->mem.release = arena_release;
#else
    (void)arena_resize;
    (void)arena_release;
#endif
}
