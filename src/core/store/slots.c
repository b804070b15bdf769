/*
 * A set of pointers.
 *
 * Happy path: an element is at its home or a few places behind it, with no free one between.
 * Failure modes: without memory nothing grows, and the caller is told; what cannot shrink stays as it is.
 */
#include "core/store/slots.h"

#include <string.h>

enum { FIRST = 5, FULL_FIFTHS = 4, EMPTY_FIFTHS = 2 };

static bool full(uint32_t n, uint32_t cap)
{
    return (uint64_t)n * 5 > (uint64_t)cap * FULL_FIFTHS;
}

static enum pk_err resize(const struct pk_mem *mem, struct pk_slots *s, uint32_t cap, pk_slots_hash *hash,
                          const void *arg)
{
    struct pk_slots grown = {.cap = cap};
    grown.v = pk_alloc(mem, cap * (sizeof(void *) + 1));
    if (grown.v == NULL)
        return PK_ENOMEM;
    memset(grown.v, 0, cap * sizeof(void *));
    grown.tag = (uint8_t *)(grown.v + cap);
    for (uint32_t i = 0; i < s->cap; i++)
        if (s->v[i] != NULL)
            pk_slots_put(&grown, s->v[i], s->tag[i], hash(s->v[i], arg));
    pk_free(mem, s->v);
    *s = grown;
    return PK_OK;
}

enum pk_err pk_slots_reserve(const struct pk_mem *mem, struct pk_slots *s, pk_slots_hash *hash,
                             const void *arg)
{
    if (!full(s->n + 1, s->cap))
        return PK_OK;
    uint32_t cap = s->cap < FIRST ? FIRST : s->cap + s->cap * 2 / 5 + 1;
    return resize(mem, s, cap, hash, arg);
}

void pk_slots_put(struct pk_slots *s, void *element, uint8_t tag, uint32_t hash)
{
    uint32_t at = pk_slots_home(s, hash);
    while (s->v[at] != NULL)
        at = pk_slots_next(s, at);
    s->v[at] = element;
    s->tag[at] = tag;
    s->n++;
}

/* True when `home` lies in the ring behind the gap and not behind `at`: the element at `at` may stay there. */
static bool stays(uint32_t gap, uint32_t home, uint32_t at)
{
    return gap < at ? home > gap && home <= at : home > gap || home <= at;
}

void pk_slots_del(const struct pk_mem *mem, struct pk_slots *s, uint32_t gap, pk_slots_hash *hash,
                  const void *arg)
{
    for (uint32_t at = pk_slots_next(s, gap); s->v[at] != NULL; at = pk_slots_next(s, at)) {
        if (stays(gap, pk_slots_home(s, hash(s->v[at], arg)), at))
            continue;
        s->v[gap] = s->v[at];
        s->tag[gap] = s->tag[at];
        gap = at;
    }
    s->v[gap] = NULL;
    s->n--;
    if (s->n == 0)
        pk_slots_free(mem, s);
    else if (s->cap > 4 * FIRST && (uint64_t)s->n * 5 < (uint64_t)s->cap * EMPTY_FIFTHS)
        (void)!resize(mem, s, s->cap * 2 / 3, hash, arg); /* it stays larger than it need be */
}

void pk_slots_free(const struct pk_mem *mem, struct pk_slots *s)
{
    pk_free(mem, s->v);
    *s = (struct pk_slots){0};
}
