/* Networks of the configuration: what is in one, and what is none. */
#include <arpa/inet.h>

#include "io/config/networks.h"
#include "tests/lib/support.h"

static bool in(const char *network, const char *address)
{
    struct pk_network n;
    const char *why = "";
    union pk_address a = {.any = {0}};
    assert_int_equal(pk_network_parse(&n, network, &why), PK_OK);
    a.any.sa_family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
    void *to = a.any.sa_family == AF_INET6 ? (void *)&a.v6.sin6_addr : &a.v4.sin_addr;
    assert_int_equal(inet_pton(a.any.sa_family, address, to), 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in),
        cmocka_unit_test(what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
