/* The pool of equally sized structs: zeroed items, a bounded number kept, everything given back. */
#include "base/pool.h"
#include "tests/lib/support.h"

static void items_are_zeroed(void **state)
{
    (void)state;
    struct sup_mem m;
    struct pk_pool pool;
    static const uint8_t zeros[48];
    sup_mem_init(&m);
    pk_pool_init(&pool, &m.mem, sizeof zeros);
    for (int round = 0; round < 3; round++) {
        uint8_t *a = pk_pool_get(&pool), *b = pk_pool_get(&pool);
        assert_ptr_not_equal(a, b);
        assert_memory_equal(a, zeros, sizeof zeros);
        assert_memory_equal(b, zeros, sizeof zeros);
        memset(a, 0xff, sizeof zeros);
        memset(b, 0xff, sizeof zeros);
        pk_pool_put(&pool, a);
        pk_pool_put(&pool, b);
    }
    assert_int_equal(m.blocks, 2);
    assert_int_equal(m.calls, 2);
    pk_pool_drop(&pool);
    assert_int_equal(m.blocks, 0);
}

static void bounded(void **state)
{
    (void)state;
    struct sup_mem m;
    struct pk_pool pool;
    static void *items[6000];
    sup_mem_init(&m);
    pk_pool_init(&pool, &m.mem, 16);
    for (int i = 0; i < 6000; i++)
        items[i] = pk_pool_get(&pool);
    for (int i = 0; i < 6000; i++)
        pk_pool_put(&pool, items[i]);
    assert_true(m.blocks < 6000);
    pk_pool_drop(&pool);
    assert_int_equal(m.blocks, 0);
}

static void short_of_memory(void **state)
{
    (void)state;
    struct sup_mem m;
    struct pk_pool pool;
    sup_mem_init(&m);
    pk_pool_init(&pool, &m.mem, 16);
    sup_mem_fail(&m, 1);
    assert_null(pk_pool_get(&pool));
    void *a = pk_pool_get(&pool);
    pk_pool_put(&pool, a);
    sup_mem_fail(&m, 1);
    assert_ptr_equal(pk_pool_get(&pool), a);
    pk_pool_put(&pool, a);
    pk_pool_drop(&pool);
    assert_int_equal(m.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(items_are_zeroed), cmocka_unit_test(bounded),
                                       cmocka_unit_test(short_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
