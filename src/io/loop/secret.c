/*
 * Secrets and core dumps. Happy path: the kernel is told once of each place, which splits a mapping at most twice; a
 * block comes from those that were given back, or from a new chunk. Failure modes: the kernel refuses: then they are
 * dumped, as without this; memory is short, which is the caller's to handle.
 */
#include "io/loop/secret.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The smallest block, and the largest that shares a chunk. */
enum { LEAST = 6, MOST = PK_SECRET_CLASSES - 1 };

struct head {
    size_t size; /* of the block, with this */
    struct head *next;
};

void pk_secret_undumped(const void *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)p & ~(page - 1);
    (void)madvise((void *)begin, (uintptr_t)p + n - begin, MADV_DONTDUMP);
}

static struct head *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    pk_secret_undumped(p, size);
    struct head *h = p;
    h->size = size;
    return h;
}

static int class_of(size_t size)
{
    int class = LEAST;
    while (class <= MOST && (size_t)1 << class < size)
        class ++;
    return class;
}

static void spare(struct pk_secret_heap *heap, struct head *h, int class)
{
    h->next = heap->spare[class];
    heap->spare[class] = h;
}

/* Cuts a new chunk into blocks; the first one keeps the list of chunks. */
static void grow(struct pk_secret_heap *heap, int class)
{
    struct head *chunk = map(PK_SECRET_CHUNK);
    if (chunk == NULL)
        return;
    chunk->next = heap->chunks;
    heap->chunks = chunk;
    for (size_t off = (size_t)1 << class; off < PK_SECRET_CHUNK; off += (size_t)1 << class) {
        struct head *h = (struct head *)(void *)((uint8_t *)chunk + off);
        h->size = (size_t)1 << class;
        spare(heap, h, class);
    }
}

static struct head *take(struct pk_secret_heap *heap, size_t size)
{
    int class = class_of(size);
    if (class > MOST)
        return map(size);
    if (heap->spare[class] == NULL)
        grow(heap, class);
    struct head *h = heap->spare[class];
    if (h != NULL)
        heap->spare[class] = h->next;
    return h;
}

static void release(void *ctx, void *p)
{
    struct head *h = (struct head *)p - 1;
    int class = class_of(h->size);
    explicit_bzero(p, h->size - sizeof *h);
    if (class > MOST)
        munmap(h, h->size);
    else
        spare(ctx, h, class);
}

static void *resize(void *ctx, void *p, size_t size)
{
    struct head *old = p != NULL ? (struct head *)p - 1 : NULL;
    if (old != NULL && size + sizeof *old <= old->size)
        return p;
    struct head *h = take(ctx, size + sizeof *h);
    if (h == NULL || old == NULL)
        return h != NULL ? h + 1 : NULL;
    memcpy(h + 1, p, old->size - sizeof *old);
    release(ctx, p);
    return h + 1;
}

void pk_secret_heap_init(struct pk_secret_heap *heap)
{
    *heap = (struct pk_secret_heap){.mem = {resize, release, heap}};
}

void pk_secret_heap_close(struct pk_secret_heap *heap)
{
    for (struct head *chunk = heap->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        munmap(chunk, PK_SECRET_CHUNK);
    }
    heap->chunks = NULL;
}
