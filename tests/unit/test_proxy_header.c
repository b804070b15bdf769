/* PROXY headers: what HAProxy sends, however it is cut; and what it or the specification refuses. */
#include "proto/proxy_header.h"
#include "tests/lib/support.h"

#define V2  "\r\n\r\n\0\r\nQUIT\n"
#define IP4 "\x0a\x01\x02\x03\x7f\x00\x00\x01\xa9\x26\x08\x85"
#define IP6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xa9\x26\x08\x85"

static const uint8_t ten[16] = {10, 1, 2, 3}, doc[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7}, none[16];

static const struct good {
    const char *bytes;
    size_t len;
    enum pk_proxy_family family;
    const uint8_t *address;
    uint16_t port;
} good[] = {
#define TEXT(text) text, sizeof text - 1
    {TEXT("PROXY TCP4 10.1.2.3 127.0.0.1 43302 2181\r\n"), PK_PROXY_IPV4, ten, 43302},
    {TEXT("PROXY TCP6 2001:db8::7 ::1 43302 2181\r\n"), PK_PROXY_IPV6, doc, 43302},
    {TEXT("PROXY TCP6 2001:0DB8:0:0:0:0:0:7 ::ffff:1.2.3.4 1 0\r\n"), PK_PROXY_IPV6, doc, 1},
    {TEXT("PROXY TCP6 2001:db8:0:0::7 :: 65535 2181\r\n"), PK_PROXY_IPV6, doc, 65535},
    {TEXT("PROXY UNKNOWN\r\n"), PK_PROXY_LOCAL, none, 0},
    {TEXT("PROXY UNKNOWN ffff::1 what ever\r\n"), PK_PROXY_LOCAL, none, 0},
    {TEXT(V2 "\x21\x11\x00\x0c" IP4), PK_PROXY_IPV4, ten, 43302},
    {TEXT(V2 "\x21\x21\x00\x24" IP6), PK_PROXY_IPV6, doc, 43302},
    {TEXT(V2 "\x20\x00\x00\x00"), PK_PROXY_LOCAL, none, 0},
    {TEXT(V2 "\x20\x11\x00\x0c" IP4), PK_PROXY_LOCAL, none, 0},
    /* with the client's name in a TLV, as send-proxy-v2-ssl-cn does */
    {TEXT(V2 "\x21\x11\x00\x1c" IP4 "\x20\x00\x0d\x07\x00\x00\x00\x00\x22\x00\x05"
             "alice"),
     PK_PROXY_IPV4, ten, 43302},
};

static void any_cut_gives_the_same(void **state)
{
    static const char after[] = "\0\0\0-";
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t step = 1; step <= good[i].len + sizeof after; step++) {
            uint8_t bytes[256];
            struct pk_proxy_header h = {0};
            enum pk_proxy_part part = PK_PROXY_MORE;
            size_t all = good[i].len + sizeof after, at = 0;
            memcpy(bytes, good[i].bytes, good[i].len);
            memcpy(bytes + good[i].len, after, sizeof after);
            while (part == PK_PROXY_MORE && at < all) {
                size_t n = at + step > all ? all - at : step, left = n;
                uint8_t *fenced = sup_fence(bytes + at, n);
                const uint8_t *p = fenced;
                part = pk_proxy_take(&h, &p, &left);
                assert_int_equal(p - fenced, n - left);
                at += n - left;
                sup_unfence(fenced, n);
            }
            assert_int_equal(part, PK_PROXY_WHOLE);
            assert_int_equal(at, good[i].len); /* not a byte of what follows */
            assert_int_equal(h.family, good[i].family);
            assert_memory_equal(h.address, good[i].address, 16);
            assert_int_equal(h.port, good[i].port);
        }
}

static void half_a_header_waits_for_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (size_t len = 0; len < good[i].len; len++) {
            struct pk_proxy_header h = {0};
            uint8_t *fenced = sup_fence(good[i].bytes, len);
            const uint8_t *p = fenced;
            size_t left = len;
            assert_int_equal(pk_proxy_take(&h, &p, &left), PK_PROXY_MORE);
            assert_int_equal(left, 0);
            sup_unfence(fenced, len);
        }
}

static void what_is_written_is_read(void **state)
{
    static const struct {
        enum pk_proxy_family family;
        const uint8_t *address;
        uint16_t port;
        size_t len;
    } written[] = {
        {PK_PROXY_IPV4, ten, 43302, 28}, {PK_PROXY_IPV6, doc, 65535, 52}, {PK_PROXY_LOCAL, none, 0, 16}};
    static const uint8_t v4[] = V2 "\x21\x11\x00\x0c\x0a\x01\x02\x03\0\0\0\0\xa9\x26\0\0";
    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        uint8_t bytes[PK_PROXY_WRITTEN];
        struct pk_proxy_header h = {0};
        const uint8_t *p = bytes;
        size_t n = pk_proxy_write(bytes, written[i].family, written[i].address, written[i].port);
        assert_int_equal(n, written[i].len);
        if (i == 0)
            assert_memory_equal(bytes, v4, n);
        assert_int_equal(pk_proxy_take(&h, &p, &n), PK_PROXY_WHOLE);
        assert_int_equal(n, 0);
        assert_int_equal(h.family, written[i].family);
        assert_memory_equal(h.address, written[i].address, 16);
        assert_int_equal(h.port, written[i].port);
    }
}

static enum pk_proxy_part whole(const char *bytes, size_t len)
{
    struct pk_proxy_header h = {0};
    const uint8_t *p = (const uint8_t *)bytes;
    return pk_proxy_take(&h, &p, &len);
}

static void what_is_none_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {TEXT("PROXY TCP4 10.1.2.3 127.0.0.1 43302 99999\r\n")},
        {TEXT("PROXY TCP4 10.1.2.256 127.0.0.1 1 2\r\n")},
        {TEXT("PROXY TCP4 10.1.2 127.0.0.1 1 2\r\n")},
        {TEXT("PROXY TCP4 10.1.2.03 127.0.0.1 1 2\r\n")},
        {TEXT("PROXY TCP4 10.1.2.3 127.0.0.1 01 2\r\n")},
        {TEXT("PROXY TCP4  10.1.2.3 127.0.0.1 1 2\r\n")},
        {TEXT("PROXY TCP4 10.1.2.3 127.0.0.1 1 2 \r\n")},
        {TEXT("PROXY TCP4 10.1.2.3 127.0.0.1 1 2\n")},
        {TEXT("PROXY TCP4 ::1 ::1 1 2\r\n")},
        {TEXT("PROXY TCP6 10.1.2.3 127.0.0.1 1 2\r\n")},
        {TEXT("PROXY TCP6 1::2::3 ::1 1 2\r\n")},
        {TEXT("PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n")},
        {TEXT("PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n")},
        {TEXT("PROXY TCP6 1:2:3:4:5:6:7::8 ::1 1 2\r\n")},
        {TEXT("PROXY TCP6 12345::1 ::1 1 2\r\n")},
        {TEXT("PROXY TCP6 1:2:3: ::1 1 2\r\n")},
        {TEXT("PROXY UDP4 10.1.2.3 127.0.0.1 1 2\r\n")},
        {TEXT("PROXY UNKNOWNS\r\n")},
        {TEXT("PROXY \r\n")},
        {TEXT("PROXY \n")},
        {TEXT(V2 "\x11\x11\x00\x0c" IP4)},
        {TEXT(V2 "\x22\x11\x00\x0c" IP4)},
        {TEXT(V2 "\x21\x12\x00\x0c" IP4)},
        {TEXT(V2 "\x21\x00\x00\x00")},
        {TEXT(V2 "\x21\x31\x00\xd8")},
        {TEXT(V2 "\x21\x11\x00\x0b" IP4)},
        {TEXT(V2 "\x21\x21\x00\x23" IP6)},
    };
    char line[PK_PROXY_MOST + 2];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(whole(bad[i].bytes, bad[i].len), PK_PROXY_BAD);
    memset(line, ' ', sizeof line);
    memcpy(line, "PROXY UNKNOWN", 13);
    memcpy(line + PK_PROXY_MOST - 2, "\r\n", 2);
    assert_int_equal(whole(line, PK_PROXY_MOST), PK_PROXY_WHOLE);
    memcpy(line + PK_PROXY_MOST - 2, " \r\n", 3);
    assert_int_equal(whole(line, PK_PROXY_MOST + 1), PK_PROXY_BAD);
}

static void what_begins_otherwise_is_missing(void **state)
{
    (void)state;
    assert_int_equal(whole("\0\0\0-", 4), PK_PROXY_MISSING);
    assert_int_equal(whole("\x16\x03\x01", 3), PK_PROXY_MISSING);
    assert_int_equal(whole("ruok", 4), PK_PROXY_MISSING);
    assert_int_equal(whole("PROXX ", 6), PK_PROXY_MISSING);
    assert_int_equal(whole("\r\n\r\r", 4), PK_PROXY_MISSING);
}

/* As long as its length says, up to the most that it can say. */
static void appendices_are_skipped(void **state)
{
    struct pk_proxy_header h = {0};
    static uint8_t bytes[16 + UINT16_MAX + 1];
    const uint8_t *p = bytes;
    size_t left = sizeof bytes;
    (void)state;
    memcpy(bytes, V2 "\x21\x11\xff\xff" IP4, 28);
    assert_int_equal(pk_proxy_take(&h, &p, &left), PK_PROXY_WHOLE);
    assert_int_equal(left, 1);
    assert_memory_equal(h.address, ten, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same),  cmocka_unit_test(half_a_header_waits_for_more),
        cmocka_unit_test(what_is_none_is_refused), cmocka_unit_test(what_begins_otherwise_is_missing),
        cmocka_unit_test(appendices_are_skipped),  cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
