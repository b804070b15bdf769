/* Paths: ZooKeeper's rules with every code point and every boundary, and the arithmetic of parents and
 * prefixes. */
#include "proto/path.h"
#include "tests/lib/support.h"

static bool valid(const char *s)
{
    size_t n = strlen(s);
    uint8_t *p = sup_fence(s, n);
    bool ok = pk_path_valid((struct pk_bytes){p, (uint32_t)n});
    sup_unfence(p, n);
    return ok;
}

static void rules(void **state)
{
    (void)state;
    static const char *const good[] = {
        "/",      "/a",        "/a/b", "/.a",    "/...",  "/a/...",           "/a..b",          "/a.", "/ a",
        "/a b/ ", "/\xc2\xa0", "/~",   "/..a/b", "/a/.b", "/zookeeper/quota", "/\xef\xa4\x80/x"};
    static const char *const bad[] = {"",          "a",         "a/b",     "//",     "/a/",   "/a//b",
                                      "//a",       "/.",        "/..",     "/a/.",   "/a/..", "/./a",
                                      "/../a",     "/a/./b",    "/a/../b", "/a\x01", "/\x1f", "/\x7f",
                                      "/\xc2\x9f", "/\xc2\x80", "/a/b/"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(valid(bad[i]));
    assert_false(pk_path_valid((struct pk_bytes){NULL, 0}));
    assert_false(pk_path_valid((struct pk_bytes){(const uint8_t *)"/a\0b", 4}));
    assert_false(pk_path_valid((struct pk_bytes){(const uint8_t *)"/\0", 2}));
}

static size_t encode(uint32_t c, uint8_t *p)
{
    if (c < 0x80) {
        p[0] = (uint8_t)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        p[i] = 0x80 | (c & 0x3f);
    p[0] = (uint8_t)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
    return n;
}

static void every_code_point(void **state)
{
    (void)state;
    uint8_t p[16] = "/x";
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (c == '/')
            continue;
        size_t n = 2 + encode(c, p + 2);
        bool forbidden = c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0xd800 && c <= 0xf8ff) || c >= 0xfff0;
        if (pk_path_valid((struct pk_bytes){p, (uint32_t)n}) == forbidden)
            fail_msg("U+%04X", c);
    }
}

static void malformed_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {"/\x80",
                                      "/\xbf",
                                      "/\xc3",
                                      "/a\xc3/b",
                                      "/\xe4\xb8",
                                      "/\xe4\xb8/x",
                                      "/\xf0\x9f\x98",
                                      "/\xc0\xaf",
                                      "/\xc1\xbf",
                                      "/\xe0\x9f\xbf",
                                      "/\xf0\x8f\xbf\xbf",
                                      "/\xf4\x90\x80\x80",
                                      "/\xf8\x88\x80\x80\x80",
                                      "/\xfe",
                                      "/\xff",
                                      "/\xed\xa0\x80",
                                      "/\xc0\x80",
                                      "/\xc3\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(valid(bad[i]));
    assert_true(valid("/\xc3\xa9/\xe4\xb8\xad"));
}

static void parents(void **state)
{
    (void)state;
    static const struct {
        const char *path, *parent, *name;
    } cases[] = {
        {"/", NULL, ""},     {"", NULL, ""},    {"a", NULL, "a"},        {"/a", "/", "a"},
        {"/a/b", "/a", "b"}, {"/a/", "/a", ""}, {"/a/b/c", "/a/b", "c"}, {"//a", "/", "a"},
        {"/a//", "/a/", ""}, {"a/b", "a", "b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(sup_is(pk_path_parent(sup_bytes(cases[i].path)), cases[i].parent));
        assert_true(sup_is(pk_path_name(sup_bytes(cases[i].path)), cases[i].name));
    }
    assert_true(sup_is(pk_path_parent((struct pk_bytes){NULL, 0}), NULL));
    assert_int_equal(pk_path_name((struct pk_bytes){NULL, 0}).len, 0);
}

static void below(void **state)
{
    (void)state;
    static const struct {
        const char *path, *root;
        bool want;
    } cases[] = {
        {"/a/b", "/a", true},   {"/a", "/a", false},   {"/ab", "/a", false}, {"/a/", "/a", false},
        {"/a/b/c", "/a", true}, {"/b/b", "/a", false}, {"/a", "/", true},    {"/", "/", false},
        {"a", "/", false},      {"", "/a", false},     {"", "/", false},     {"/a/b", "/a/b", false},
        {"/a//", "/a", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(pk_path_below(sup_bytes(cases[i].path), sup_bytes(cases[i].root)), cases[i].want);
    assert_false(pk_path_below((struct pk_bytes){NULL, 0}, sup_bytes("/a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rules), cmocka_unit_test(every_code_point),
                                       cmocka_unit_test(malformed_utf8), cmocka_unit_test(parents),
                                       cmocka_unit_test(below)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
