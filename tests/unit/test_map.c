/* The hash map against a plain array with random inserts and deletes, when memory is short, and the hash
 * itself. */
#include "base/map.h"
#include "tests/lib/support.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 3000 };

struct entry {
    struct pk_map_node node;
    uint32_t key;
    bool in;
};

static struct entry *find(const struct pk_map *map, uint32_t hash, uint32_t key)
{
    for (struct pk_map_node *n = pk_map_chain(map, hash); n != NULL; n = n->next)
        if (n->hash == hash && ((struct entry *)n)->key == key)
            return (struct entry *)n;
    return NULL;
}

static void random_operations(void **state)
{
    (void)state;
    struct sup_mem m;
    struct pk_map map = {0};
    struct sup_rng rng = {1};
    struct entry *all = calloc(KEYS, sizeof *all);
    uint32_t count = 0;
    sup_mem_init(&m);
    assert_null(pk_map_chain(&map, 5));
    for (int step = 0; step < 100000; step++) {
        uint32_t key = sup_below(&rng, KEYS), hash = key % 7 == 0 ? 7 : pk_hash(3, &key, sizeof key);
        struct entry *e = &all[key];
        e->key = key;
        assert_ptr_equal(find(&map, hash, key), e->in ? e : NULL);
        if (e->in) {
            pk_map_del(&map, &e->node);
            count--;
        } else {
            assert_int_equal(pk_map_reserve(&m.mem, &map), PK_OK);
            pk_map_put(&map, &e->node, hash);
            count++;
        }
        e->in = !e->in;
        assert_int_equal(map.count, count);
    }
    pk_map_free(&m.mem, &map);
    assert_int_equal(m.blocks, 0);
    free(all);
}

static void short_of_memory(void **state)
{
    (void)state;
    struct sup_mem m;
    struct pk_map map = {0};
    struct entry all[200];
    sup_mem_init(&m);
    sup_mem_fail(&m, 1);
    assert_int_equal(pk_map_reserve(&m.mem, &map), PK_ENOMEM);
    assert_null(map.buckets);
    for (uint32_t i = 0; i < 200; i++) {
        sup_mem_fail(&m, 1);
        if (pk_map_reserve(&m.mem, &map) != PK_OK)
            assert_int_equal(pk_map_reserve(&m.mem, &map), PK_OK);
        all[i].key = i;
        pk_map_put(&map, &all[i].node, i * 2654435761u);
        for (uint32_t k = 0; k <= i; k++)
            assert_ptr_equal(find(&map, k * 2654435761u, k), &all[k]);
    }
    pk_map_free(&m.mem, &map);
    assert_null(pk_map_chain(&map, 0));
    assert_int_equal(m.blocks, 0);
}

static void hash_spreads(void **state)
{
    (void)state;
    char name[64];
    unsigned used[1024] = {0};
    for (int i = 0; i < 4096; i++) {
        int n = snprintf(name, sizeof name, "/storm/workerbeats/topology-1/worker-%d", i);
        uint32_t h = pk_hash(42, name, (size_t)n);
        assert_int_equal(h, pk_hash(42, name, (size_t)n));
        used[h & 1023]++;
    }
    for (int i = 0; i < 1024; i++)
        assert_in_range(used[i], 0, 20);
    uint8_t *edge = sup_fence("0123456789abcdef", 16);
    for (size_t len = 0; len <= 16; len++) {
        assert_int_equal(pk_hash(1, edge + 16 - len, len), pk_hash(1, &"0123456789abcdef"[16 - len], len));
        assert_int_not_equal(pk_hash(1, edge + 16 - len, len), pk_hash(2, edge + 16 - len, len));
    }
    sup_unfence(edge, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_operations), cmocka_unit_test(short_of_memory),
                                       cmocka_unit_test(hash_spreads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
