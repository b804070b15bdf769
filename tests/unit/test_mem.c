/* The memory seam: the C library's allocator behind it, and the seam of the tests themselves. */
#include "tests/lib/support.h"

static void libc_seam(void **state)
{
    (void)state;
    uint8_t *p = pk_zalloc(&pk_mem_libc, 100);
    assert_non_null(p);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    memset(p, 7, 100);
    uint8_t *q = pk_resize(&pk_mem_libc, p, 5000);
    assert_non_null(q);
    assert_int_equal(q[99], 7);
    pk_free(&pk_mem_libc, q);
    pk_free(&pk_mem_libc, NULL);
}

static void counting_seam(void **state)
{
    (void)state;
    struct sup_mem m;
    sup_mem_init(&m);
    void *a = pk_alloc(&m.mem, 10), *b = pk_zalloc(&m.mem, 20);
    assert_int_equal(m.bytes, 30);
    sup_mem_fail(&m, 2);
    a = pk_resize(&m.mem, a, 40);
    assert_non_null(a);
    assert_null(pk_resize(&m.mem, b, 80));
    assert_null(m.failed != 1 ? b : NULL);
    assert_int_equal(m.bytes, 60);
    sup_mem_fail(&m, 1);
    assert_null(pk_zalloc(&m.mem, 5));
    void *c = pk_alloc(&m.mem, 5);
    assert_non_null(c);
    pk_free(&m.mem, a);
    pk_free(&m.mem, b);
    pk_free(&m.mem, c);
    assert_int_equal(m.blocks, 0);
    assert_int_equal(m.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(libc_seam), cmocka_unit_test(counting_seam)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
