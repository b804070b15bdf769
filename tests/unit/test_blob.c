/* Blobs: overwritten in place only when nobody else reads them, unchanged when memory is short. */
#include "base/blob.h"
#include "tests/lib/support.h"

static void in_place(void **state)
{
    (void)state;
    struct sup_mem m;
    sup_mem_init(&m);
    struct pk_blob *b = pk_blob_new(&m.mem, "0123456789", 10);
    struct pk_blob *first = b;
    assert_int_equal(pk_blob_set(&m.mem, &b, "abcde", 5), PK_OK);
    assert_ptr_equal(b, first);
    assert_int_equal(b->len, 5);
    assert_int_equal(pk_blob_set(&m.mem, &b, "ABCDEFGHIJ", 10), PK_OK);
    assert_ptr_equal(b, first);
    assert_memory_equal(b->bytes, "ABCDEFGHIJ", 10);
    assert_int_equal(m.calls, 1);
    assert_int_equal(pk_blob_set(&m.mem, &b, "x", 1), PK_OK);
    assert_int_equal(b->cap, 1);
    assert_int_equal(pk_blob_set(&m.mem, &b, "longer than that", 16), PK_OK);
    assert_int_equal(b->len, 16);
    assert_int_equal(pk_blob_set(&m.mem, &b, "", 0), PK_OK);
    assert_int_equal(b->len, 0);
    pk_blob_unref(&m.mem, b);
    assert_int_equal(m.blocks, 0);
}

static void readers_keep_theirs(void **state)
{
    (void)state;
    struct sup_mem m;
    sup_mem_init(&m);
    struct pk_blob *b = NULL;
    assert_null(pk_blob_ref(NULL));
    pk_blob_unref(&m.mem, NULL);
    assert_int_equal(pk_blob_set(&m.mem, &b, "one", 3), PK_OK);
    struct pk_blob *reader = pk_blob_ref(b);
    assert_int_equal(pk_blob_set(&m.mem, &b, "two", 3), PK_OK);
    assert_ptr_not_equal(b, reader);
    assert_memory_equal(reader->bytes, "one", 3);
    assert_memory_equal(b->bytes, "two", 3);
    pk_blob_unref(&m.mem, reader);
    struct pk_blob *second = b;
    assert_int_equal(pk_blob_set(&m.mem, &b, "3rd", 3), PK_OK);
    assert_ptr_equal(b, second);
    pk_blob_unref(&m.mem, b);
    assert_int_equal(m.blocks, 0);
}

static void short_of_memory(void **state)
{
    (void)state;
    struct sup_mem m;
    sup_mem_init(&m);
    sup_mem_fail(&m, 1);
    assert_null(pk_blob_new(&m.mem, "x", 1));
    struct pk_blob *b = pk_blob_new(&m.mem, "x", 1);
    sup_mem_fail(&m, 1);
    assert_int_equal(pk_blob_set(&m.mem, &b, "yyyy", 4), PK_ENOMEM);
    assert_memory_equal(b->bytes, "x", 1);
    assert_int_equal(b->refs, 1);
    pk_blob_unref(&m.mem, b);
    assert_int_equal(m.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_place), cmocka_unit_test(readers_keep_theirs),
                                       cmocka_unit_test(short_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
