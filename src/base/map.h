/*
 * Intrusive hash map with chaining. The owner embeds a struct pk_map_node, computes the hash itself and
 * compares keys while walking a chain, so that one map type serves paths and session ids alike.
 */
#ifndef PK_BASE_MAP_H
#define PK_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct pk_map_node {
    struct pk_map_node *next;
    uint32_t hash;
    uint32_t mark; /* the owner's: alignment leaves the room */
};

struct pk_map {
    struct pk_map_node **buckets; /* NULL until the first insert */
    uint32_t mask;                /* number of buckets - 1 */
    uint32_t count;
};

/* Makes sure that one more insert cannot fail. PK_ENOMEM leaves the map as it was. */
enum pk_err pk_map_reserve(const struct pk_mem *mem, struct pk_map *map) PK_NODISCARD;
/* Inserts node under hash; pk_map_reserve must have succeeded since the last insert. Duplicates are not
 * looked for. */
void pk_map_put(struct pk_map *map, struct pk_map_node *node, uint32_t hash);
/* Unlinks a node that is in the map. */
void pk_map_del(struct pk_map *map, struct pk_map_node *node);
/* First node of the chain of a hash, or NULL; continue with node->next, skipping other hashes. */
struct pk_map_node *pk_map_chain(const struct pk_map *map, uint32_t hash);
/* Frees the bucket array; the nodes belong to the owner. */
void pk_map_free(const struct pk_mem *mem, struct pk_map *map);

/* Hash of len bytes with a seed that clients cannot know, so that chains stay short against chosen names. */
uint32_t pk_hash(uint64_t seed, const void *p, size_t len);

#endif
