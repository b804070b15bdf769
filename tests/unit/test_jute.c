/* Jute primitives: values, null and empty, every truncation, lengths and counts that lie. */
#include "tests/lib/support.h"

static void values(void **state)
{
    (void)state;
    struct sup_buf b = {0};
    sup_int(&b, INT32_MIN);
    sup_long(&b, INT64_MIN);
    sup_int(&b, -1);
    sup_long(&b, 0x0102030405060708);
    sup_byte(&b, 0x80);
    sup_str(&b, "");
    sup_str(&b, NULL);
    sup_str(&b, "abc");
    struct pk_in in = pk_in(b.p, b.len);
    assert_int_equal(pk_get_int(&in), INT32_MIN);
    assert_true(pk_get_long(&in) == INT64_MIN);
    assert_int_equal(pk_get_int(&in), -1);
    assert_true(pk_get_long(&in) == 0x0102030405060708);
    assert_true(pk_get_bool(&in));
    assert_true(sup_is(pk_get_bytes(&in), ""));
    assert_true(sup_is(pk_get_bytes(&in), NULL));
    assert_true(sup_is(pk_get_bytes(&in), "abc"));
    assert_int_equal(pk_in_left(&in), 0);
    assert_false(in.bad);
    uint8_t back[64], *p = back;
    p = pk_put_int(p, INT32_MIN);
    p = pk_put_long(p, INT64_MIN);
    p = pk_put_int(p, -1);
    p = pk_put_long(p, 0x0102030405060708);
    p = pk_put_bool(p, true);
    p = pk_put_bytes(p, PK_BYTES(""));
    p = pk_put_bytes(p, (struct pk_bytes){NULL, 0});
    p = pk_put_bytes(p, PK_BYTES("abc"));
    assert_int_equal(p - back, b.len);
    b.p[24] = 1;
    assert_memory_equal(back, b.p, b.len);
    assert_int_equal(pk_bytes_len(PK_BYTES("abc")) + pk_bytes_len((struct pk_bytes){NULL, 0}), 11);
    sup_buf_free(&b);
}

static void truncated(void **state)
{
    (void)state;
    struct sup_buf b = {0};
    sup_long(&b, 1);
    sup_str(&b, "abcdef");
    sup_int(&b, 2);
    sup_byte(&b, 1);
    for (size_t cut = 0; cut < b.len; cut++) {
        uint8_t *p = sup_fence(b.p, cut);
        struct pk_in in = pk_in(p, cut);
        pk_get_long(&in);
        struct pk_bytes s = pk_get_bytes(&in);
        int32_t n = pk_get_int(&in);
        assert_true(cut >= 18 || s.p == NULL);
        assert_true(cut >= 22 || n == 0);
        assert_false(pk_get_bool(&in));
        assert_true(in.bad);
        assert_null(pk_in_take(&in, 0));
        assert_true(sup_is(pk_get_bytes(&in), NULL));
        assert_int_equal(pk_get_count(&in, 4), 0);
        sup_unfence(p, cut);
    }
    sup_buf_free(&b);
}

static void lying_lengths(void **state)
{
    (void)state;
    static const int64_t lengths[] = {-2, INT32_MIN, 5, 6, 0x7fffffff, 0x7ffffffc, 0x40000000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct sup_buf b = {0};
        sup_int(&b, lengths[i]);
        sup_raw(&b, "abcd", 4);
        uint8_t *p = sup_fence(b.p, b.len);
        struct pk_in in = pk_in(p, b.len);
        struct pk_bytes s = pk_get_bytes(&in);
        assert_true(in.bad);
        assert_null(s.p);
        assert_int_equal(s.len, 0);
        sup_unfence(p, b.len);
        sup_buf_free(&b);
    }
}

static void counts(void **state)
{
    (void)state;
    /* n, bytes that follow, bytes of the smallest element, expected count, expected bad */
    static const struct {
        int64_t n;
        size_t rest, each;
        int32_t want;
        bool bad;
    } cases[] = {
        {-1, 8, 4, -1, false},        {0, 8, 4, 0, false},         {-2, 8, 4, 0, false},
        {INT32_MIN, 0, 4, 0, false},  {2, 8, 4, 2, false},         {3, 11, 4, 0, true},
        {1, 0, 4, 0, true},           {0x7fffffff, 8, 4, 0, true}, {0x40000000, 8, 4, 0, true},
        {0x15555556, 8, 12, 0, true}, {1, 12, 12, 1, false},       {1, 11, 12, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sup_buf b = {0};
        sup_int(&b, cases[i].n);
        for (size_t k = 0; k < cases[i].rest; k++)
            sup_byte(&b, 0);
        struct pk_in in = pk_in(b.p, b.len);
        assert_int_equal(pk_get_count(&in, cases[i].each), cases[i].want);
        assert_int_equal(in.bad, cases[i].bad);
        sup_buf_free(&b);
    }
}

static void equality(void **state)
{
    (void)state;
    const struct pk_bytes null = {NULL, 0};
    assert_true(pk_bytes_eq(null, null));
    assert_false(pk_bytes_eq(null, PK_BYTES("")));
    assert_true(pk_bytes_eq(PK_BYTES(""), PK_BYTES("")));
    assert_false(pk_bytes_eq(PK_BYTES("a"), PK_BYTES("b")));
    assert_false(pk_bytes_eq(PK_BYTES("a"), PK_BYTES("ab")));
    assert_true(pk_bytes_eq(PK_BYTES("ab"), PK_BYTES("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(truncated),
                                       cmocka_unit_test(lying_lengths), cmocka_unit_test(counts),
                                       cmocka_unit_test(equality)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
