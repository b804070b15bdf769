/*
 * Worker names: a supervisor's uuid and address, and a port, the worker's number being the uuid's first
 * group. Failure modes: out of memory.
 */
#include "tools/bench/paths.h"

#include <stdio.h>
#include <stdlib.h>

void pk_worker_name(char *name, uint32_t i)
{
    snprintf(name, PK_WORKER_NAME + 1, "%08x-5a4c-4d2b-9e57-%012x-10.0.0.1-%04u", i, (i / 4) & 0xffffff,
             6700 + i % 4);
}

uint32_t pk_worker_number(struct pk_bytes name)
{
    char digits[9], want[PK_WORKER_NAME + 1];
    if (name.len != PK_WORKER_NAME)
        return UINT32_MAX;
    memcpy(digits, name.p, 8);
    digits[8] = '\0';
    uint32_t i = (uint32_t)strtoul(digits, NULL, 16);
    pk_worker_name(want, i);
    return memcmp(want, name.p, PK_WORKER_NAME) == 0 ? i : UINT32_MAX;
}

bool pk_paths_make(struct pk_paths *p, const char *parent, uint32_t n)
{
    size_t base = strlen(parent);
    p->stride = (uint32_t)(base + 1 + PK_WORKER_NAME + 1);
    p->text = malloc((size_t)p->stride * n);
    if (p->text == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        char *path = p->text + (size_t)i * p->stride;
        memcpy(path, parent, base);
        path[base] = '/';
        pk_worker_name(path + base + 1, i);
    }
    return true;
}

struct pk_bytes pk_paths_at(const struct pk_paths *p, uint32_t i)
{
    return (struct pk_bytes){(const uint8_t *)p->text + (size_t)i * p->stride, p->stride - 1};
}

void pk_paths_free(struct pk_paths *p)
{
    free(p->text);
}
