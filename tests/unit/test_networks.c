/* Networks of the configuration: what is in one, and what is none. */
#include <arpa/inet.h>

#include "io/config/networks.h"
#include "tests/lib/support.h"

static bool in(const char *network, const char *address)
{
    struct pk_network n;
    const char *why = "";
    uint8_t bytes[16];
    int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
    assert_int_equal(pk_network_parse(&n, network, &why), PK_OK);
    assert_int_equal(inet_pton(family, address, bytes), 1);
    union pk_address a = pk_address_make(family, bytes, 2181);
    return pk_networks_have(&n, 1, &a);
}

static void what_is_in(void **state)
{
    (void)state;
    assert_true(in("10.0.0.0/8", "10.255.0.1"));
    assert_false(in("10.0.0.0/8", "11.0.0.1"));
    assert_true(in("192.0.2.7", "192.0.2.7"));
    assert_false(in("192.0.2.7", "192.0.2.6"));
    assert_true(in("192.0.2.0/23", "192.0.3.9"));
    assert_false(in("192.0.2.0/23", "192.0.4.9"));
    assert_true(in("10.0.0.0/8", "::ffff:10.1.1.1"));
    assert_true(in("0.0.0.0/0", "1.2.3.4"));
    assert_false(in("0.0.0.0/0", "2001:db8::1"));
    assert_true(in("::/0", "2001:db8::1"));
    assert_true(in("::/0", "1.2.3.4"));
    assert_true(in("fd00::/8", "fdff::1"));
    assert_false(in("fd00::/8", "fe80::1"));
    assert_false(in("::1", "::2"));
}

static void what_is_none(void **state)
{
    static const char *const bad[] = {"",          "10",         "10.0.0.0/33", "10.0.0.1/8",  "fd00::/129",
                                      "fd00::1/8", "10.0.0.0/",  "10.0.0.0/+8", "10.0.0.0/8x", "localhost",
                                      "/8",        "10.0.0.0/-1"};
    struct pk_network n;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *why = "";
        assert_int_equal(pk_network_parse(&n, bad[i], &why), PK_EINVAL);
        assert_true(why[0] != '\0');
    }
}

static void an_address_has_its_bytes(void **state)
{
    static const uint8_t bytes[16] = {10, 1, 2, 3, [15] = 9}, other[16] = {10, 1, 2, 4};
    char text[PK_ADDRESS_TEXT];
    size_t len;
    (void)state;
    union pk_address four = pk_address_make(AF_INET, bytes, 2181),
                     six = pk_address_make(AF_INET6, bytes, 2181);
    assert_memory_equal(pk_address_bytes(&four, &len), bytes, 4);
    assert_int_equal(len, 4);
    assert_memory_equal(pk_address_bytes(&six, &len), bytes, 16);
    assert_int_equal(len, 16);
    assert_string_equal(pk_address_text(&four.any, text), "10.1.2.3:2181");
    assert_string_equal(pk_address_text(&six.any, text), "[a01:203::9]:2181");
    union pk_address port = pk_address_make(AF_INET, bytes, 1), host = pk_address_make(AF_INET, other, 2181);
    assert_true(pk_address_same_host(&four, &port));
    assert_false(pk_address_same_host(&four, &host));
    assert_false(pk_address_same_host(&four, &six));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in),
        cmocka_unit_test(what_is_none),
        cmocka_unit_test(an_address_has_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
