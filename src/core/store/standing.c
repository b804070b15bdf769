/*
 * Standing watches.
 *
 * Happy path: a watch is set and consumed with one look for its path and one for the client's own entry.
 * Failure modes: out of memory is reported; what was there stays.
 */
#include "core/store/standing.h"

#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "proto/records.h"

enum {
    ELEMENT = 16, /* bytes for a place in a set of pointers, at most */
    SWEPT = 500,  /* places looked at in one step: some tenths of a millisecond */
};

static uint32_t hash_of_path(const void *element, const void *arg)
{
    const struct pk_watched_path *p = element;
    const struct pk_paths *paths = arg;
    return pk_hash(paths->seed, p->bytes, p->len);
}

static uint32_t hash_of_pointer(const void *element, const void *arg)
{
    (void)arg;
    return (uint32_t)((uint64_t)(uintptr_t)element * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

void pk_paths_init(struct pk_paths *paths, const struct pk_mem *mem, uint64_t seed)
{
    *paths = (struct pk_paths){.mem = mem, .seed = seed};
}

void pk_paths_drop(struct pk_paths *paths)
{
    while (pk_paths_ended(paths))
        pk_paths_sweep(paths);
    PK_BUG_ON(paths->slots.n != 0);
    pk_slots_free(paths->mem, &paths->slots);
}

/* Where the path is; cap when it is not there. */
static uint32_t find_path(const struct pk_paths *paths, struct pk_bytes path, uint32_t hash)
{
    const struct pk_slots *s = &paths->slots;
    if (s->n == 0)
        return s->cap;
    for (uint32_t at = pk_slots_home(s, hash); s->v[at] != NULL; at = pk_slots_next(s, at)) {
        const struct pk_watched_path *p = s->v[at];
        if (s->tag[at] == (uint8_t)hash && p->len == path.len && memcmp(p->bytes, path.p, path.len) == 0)
            return at;
    }
    return s->cap;
}

/* A watched path, and no reference more; NULL when nobody watches it. */
static struct pk_watched_path *known(const struct pk_paths *paths, struct pk_bytes path)
{
    uint32_t at = find_path(paths, path, pk_hash(paths->seed, path.p, path.len));
    return at < paths->slots.cap ? paths->slots.v[at] : NULL;
}

/* The same with a reference more, made where it is not there; NULL when out of memory. */
static struct pk_watched_path *refer(struct pk_paths *paths, struct pk_bytes path)
{
    uint32_t hash = pk_hash(paths->seed, path.p, path.len);
    uint32_t at = find_path(paths, path, hash);
    struct pk_watched_path *p = at < paths->slots.cap ? paths->slots.v[at] : NULL;
    if (p == NULL) {
        if (pk_slots_reserve(paths->mem, &paths->slots, hash_of_path, paths) != PK_OK)
            return NULL;
        p = pk_alloc(paths->mem, sizeof *p + path.len);
        if (p == NULL)
            return NULL;
        *p = (struct pk_watched_path){.len = path.len};
        memcpy(p->bytes, path.p, path.len);
        pk_slots_put(&paths->slots, p, (uint8_t)hash, hash);
    }
    p->refs++;
    return p;
}

static void release(struct pk_paths *paths, struct pk_watched_path *p)
{
    struct pk_bytes path = {p->bytes, p->len};
    if (--p->refs > 0)
        return;
    uint32_t at = find_path(paths, path, hash_of_path(p, paths));
    pk_slots_del(paths->mem, &paths->slots, at, hash_of_path, paths);
    pk_free(paths->mem, p);
}

/* Where a client's entry for a path is; cap when it has none. */
static uint32_t find(const struct pk_standing *s, const struct pk_watched_path *p)
{
    const struct pk_slots *slots = &s->slots;
    if (slots->n == 0)
        return slots->cap;
    uint32_t at = pk_slots_home(slots, hash_of_pointer(p, NULL));
    while (slots->v[at] != NULL && slots->v[at] != p)
        at = pk_slots_next(slots, at);
    return slots->v[at] != NULL ? at : slots->cap;
}

static size_t cost(uint32_t len)
{
    return len + sizeof(struct pk_watched_path) + 2 * (size_t)ELEMENT;
}

static void set(struct pk_standing *s, uint32_t at, uint8_t kinds)
{
    s->lasting += (kinds & PK_STAND_LASTING) != 0;
    s->lasting -= (s->slots.tag[at] & PK_STAND_LASTING) != 0;
    s->slots.tag[at] = kinds;
}

/* An entry for a path, without a kind yet; cap when out of memory. */
static uint32_t make(struct pk_paths *paths, struct pk_standing *s, struct pk_bytes path)
{
    if (pk_slots_reserve(paths->mem, &s->slots, hash_of_pointer, NULL) != PK_OK)
        return s->slots.cap;
    struct pk_watched_path *p = refer(paths, path);
    if (p == NULL)
        return s->slots.cap;
    uint32_t at = find(s, p);
    if (at < s->slots.cap) {
        release(paths, p);
        return at;
    }
    pk_slots_put(&s->slots, p, 0, hash_of_pointer(p, NULL));
    s->bytes += cost(p->len);
    return find(s, p);
}

static void drop_if_empty(struct pk_paths *paths, struct pk_standing **s)
{
    if ((*s)->slots.n > 0)
        return;
    pk_slots_free(paths->mem, &(*s)->slots);
    pk_free(paths->mem, *s);
    *s = NULL;
}

enum pk_err pk_standing_add(struct pk_paths *paths, struct pk_standing **s, struct pk_bytes path,
                            uint8_t kinds)
{
    enum { EITHER = PK_STAND_DATA | PK_STAND_EXIST };
    if (*s == NULL)
        *s = pk_zalloc(paths->mem, sizeof **s);
    if (*s == NULL)
        return PK_ENOMEM;
    uint32_t at = make(paths, *s, path);
    if (at >= (*s)->slots.cap) {
        drop_if_empty(paths, s);
        return PK_ENOMEM;
    }
    uint8_t before = (*s)->slots.tag[at];
    if ((kinds & EITHER) != 0)
        before &= (uint8_t)~EITHER;
    set(*s, at, before | kinds);
    return PK_OK;
}

void pk_standing_take(struct pk_paths *paths, struct pk_standing **s, struct pk_bytes path, uint8_t kinds)
{
    struct pk_watched_path *p = *s != NULL ? known(paths, path) : NULL;
    uint32_t at = p != NULL ? find(*s, p) : 0;
    if (p == NULL || at >= (*s)->slots.cap)
        return;
    set(*s, at, (*s)->slots.tag[at] & (uint8_t)~kinds);
    if ((*s)->slots.tag[at] != 0)
        return;
    pk_slots_del(paths->mem, &(*s)->slots, at, hash_of_pointer, NULL);
    (*s)->bytes -= cost(p->len);
    release(paths, p);
    drop_if_empty(paths, s);
}

uint8_t pk_standing_at(const struct pk_paths *paths, const struct pk_standing *s, struct pk_bytes path)
{
    const struct pk_watched_path *p = s != NULL ? known(paths, path) : NULL;
    uint32_t at = p != NULL ? find(s, p) : 0;
    return p != NULL && at < s->slots.cap ? s->slots.tag[at] : 0;
}

uint8_t pk_standing_of_event(int32_t event)
{
    const uint8_t data = PK_STAND_DATA | PK_STAND_EXIST, child = PK_STAND_CHILD;
    switch (event) {
    case PK_EVENT_CREATED:
    case PK_EVENT_DATA_CHANGED:
        return (uint8_t)(data | data << PK_STAND_ASKED);
    case PK_EVENT_DELETED:
        return (uint8_t)(data | child | (data | child) << PK_STAND_ASKED);
    case PK_EVENT_CHILDREN_CHANGED:
        return (uint8_t)(child | child << PK_STAND_ASKED);
    default:
        return 0;
    }
}

void pk_standing_answered(struct pk_paths *paths, struct pk_standing *s, struct pk_bytes path, uint8_t kind)
{
    struct pk_watched_path *p = s != NULL ? known(paths, path) : NULL;
    uint32_t at = p != NULL ? find(s, p) : 0;
    if (p == NULL || at >= s->slots.cap || (s->slots.tag[at] & kind << PK_STAND_ASKED) == 0)
        return;
    uint8_t other = kind == PK_STAND_DATA ? PK_STAND_EXIST : kind == PK_STAND_EXIST ? PK_STAND_DATA : 0;
    s->slots.tag[at] &= (uint8_t) ~(kind << PK_STAND_ASKED | other);
    s->slots.tag[at] |= kind;
}

bool pk_standing_next(const struct pk_standing *s, uint32_t *at, struct pk_bytes *path, uint8_t *kinds)
{
    while (s != NULL && *at < s->slots.cap) {
        const struct pk_watched_path *p = s->slots.v[*at];
        *kinds = p != NULL ? s->slots.tag[*at] : 0;
        ++*at;
        if (p == NULL)
            continue;
        *path = (struct pk_bytes){p->bytes, p->len};
        return true;
    }
    return false;
}

void pk_standing_end(struct pk_paths *paths, struct pk_standing **s)
{
    if (*s == NULL)
        return;
    (*s)->next = paths->ended;
    paths->ended = *s;
    *s = NULL;
    pk_paths_sweep(paths);
}

size_t pk_paths_sweep(struct pk_paths *paths)
{
    struct pk_standing *s = paths->ended;
    uint32_t from = s->swept, left = s->slots.cap - from;
    s->swept = from + (left < SWEPT ? left : SWEPT);
    for (uint32_t i = from; i < s->swept; i++)
        if (s->slots.v[i] != NULL)
            release(paths, s->slots.v[i]);
    size_t places = s->swept - from;
    if (s->swept == s->slots.cap) {
        paths->ended = s->next;
        pk_slots_free(paths->mem, &s->slots);
        pk_free(paths->mem, s);
    }
    return places;
}
