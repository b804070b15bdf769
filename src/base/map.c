/*
 * Intrusive hash map.
 *
 * Happy path: load factor at most 1, one multiply-mix round per 8 bytes of key, a chain of about one node.
 * Failure modes: out of memory when the array must grow is reported by pk_map_reserve before anything
 * changes.
 */
#include "base/map.h"

#include <string.h>

enum { FIRST_BUCKETS = 64 };

static void relink(struct pk_map *map, struct pk_map_node **old, uint32_t old_n)
{
    for (uint32_t i = 0; i < old_n; i++) {
        for (struct pk_map_node *n = old[i], *next; n != NULL; n = next) {
            next = n->next;
            n->next = map->buckets[n->hash & map->mask];
            map->buckets[n->hash & map->mask] = n;
        }
    }
}

enum pk_err pk_map_reserve(const struct pk_mem *mem, struct pk_map *map)
{
    uint32_t n = map->buckets != NULL ? map->mask + 1 : 0;
    if (map->count < n)
        return PK_OK;
    uint32_t want = n > 0 ? n * 2 : FIRST_BUCKETS;
    struct pk_map_node **fresh = pk_zalloc(mem, want * sizeof(struct pk_map_node *));
    if (fresh == NULL)
        return PK_ENOMEM;
    struct pk_map_node **old = map->buckets;
    map->buckets = fresh;
    map->mask = want - 1;
    relink(map, old, n);
    pk_free(mem, old);
    return PK_OK;
}

void pk_map_put(struct pk_map *map, struct pk_map_node *node, uint32_t hash)
{
    node->hash = hash;
    node->next = map->buckets[hash & map->mask];
    map->buckets[hash & map->mask] = node;
    map->count++;
}

void pk_map_del(struct pk_map *map, struct pk_map_node *node)
{
    struct pk_map_node **at = &map->buckets[node->hash & map->mask];
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    node->next = NULL;
    map->count--;
}

struct pk_map_node *pk_map_chain(const struct pk_map *map, uint32_t hash)
{
    return map->buckets != NULL ? map->buckets[hash & map->mask] : NULL;
}

void pk_map_free(const struct pk_mem *mem, struct pk_map *map)
{
    pk_free(mem, map->buckets);
    map->buckets = NULL;
    map->mask = map->count = 0;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide m = (wide)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

uint32_t pk_hash(uint64_t seed, const void *p, size_t len)
{
    const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xd6e8feb86659fd93u;
    const uint8_t *b = p;
    uint64_t h = seed ^ mix(len ^ k0, k1);
    for (; len >= 8; b += 8, len -= 8) {
        uint64_t w;
        memcpy(&w, b, 8);
        h = mix(h ^ w, k0);
    }
    if (len > 0) {
        uint64_t w = 0;
        memcpy(&w, b, len);
        h = mix(h ^ w, k1);
    }
    h = mix(h, k1 ^ seed);
    return (uint32_t)(h ^ (h >> 32));
}
