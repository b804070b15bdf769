/*
 * The memory seam's thin wrappers.
 *
 * Happy path: one indirect call per allocation, none per request (the core recycles what it needs per
 * request). Failure modes: NULL is returned to the caller, who gives up that one connection or that one
 * request.
 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void *libc_resize(void *ctx, void *p, size_t size)
{
    (void)ctx;
    return realloc(p, size);
}

static void libc_release(void *ctx, void *p)
{
    (void)ctx;
    free(p);
}

const struct pk_mem pk_mem_libc = {libc_resize, libc_release, NULL};

void *pk_alloc(const struct pk_mem *mem, size_t size)
{
    return mem->resize(mem->ctx, NULL, size);
}

void *pk_zalloc(const struct pk_mem *mem, size_t size)
{
    void *p = pk_alloc(mem, size);
    if (p != NULL)
        memset(p, 0, size);
    return p;
}

void *pk_resize(const struct pk_mem *mem, void *p, size_t size)
{
    return mem->resize(mem->ctx, p, size);
}

void pk_free(const struct pk_mem *mem, void *p)
{
    if (p != NULL)
        mem->release(mem->ctx, p);
}

/* Through a volatile pointer: stores that nobody reads would be left out. */
void pk_wipe(void *p, size_t n)
{
    volatile unsigned char *at = p;
    while (n-- > 0)
        *at++ = 0;
}
