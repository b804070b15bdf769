/* Ids of the scheme digest against what DigestAuthenticationProvider.generateDigest makes of the same credentials. */
#include "proto/digest.h"
#include "tests/lib/support.h"

static void expect_id(const char *user_password, const char *id)
{
    uint8_t to[64];
    struct pk_bytes b = {(const uint8_t *)user_password, (uint32_t)strlen(user_password)};
    assert_int_equal(pk_digest_id_len(b), strlen(id));
    pk_digest_id(to, b);
    assert_memory_equal(to, id, strlen(id));
}

/* All were printed by that method in ZooKeeper 3.8.0. */
static void known_ids(void **state)
{
    (void)state;
    expect_id("super:test", "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
    expect_id("bob:bobsecret", "bob:WGAwC+XYxdw8bJ5K6KcPh8oL58U=");
}

static void without_a_password(void **state)
{
    (void)state;
    expect_id("bob:", "bob:tK1fpNO1hB0F++FhHpSq0Fa4tv0=");
    expect_id("bob", "bob:SBgazSKz7a68ikR4aKfffOYpkgo=");
    expect_id("", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
    expect_id("a:b:c", "a:cLzgnoJ6mP5qz3w+mwvPE2vDgu0=");
}

/* By Python's hashlib and base64; a Pacemaker's client of Storm 1.2.4 logs in with it (tests/storm/logins.py). */
static void pacemakers_secret(void **state)
{
    static const char expected[] = "MTU3Yjg3MDBjMGI2ODg5NjlhN2M0NGRlMzJmNTFmODQ2OTBjNzM5OWMxNjgw"
                                   "NTdmYTM0OGNlYmMwZjUzOGFhYzI4M2I0NzJkZDhiMTkxOGQ1YWU1MDc4MzJi"
                                   "NDkxMGEzMjlkMThjYTAxNWJhNzNjY2JmZDk0MGY0MDg4OGVjOTk=";
    uint8_t to[PK_DIGEST_SECRET];
    (void)state;
    assert_int_equal(sizeof expected - 1, PK_DIGEST_SECRET);
    pk_digest_secret(to, PK_BYTES("nimbus:secret"));
    assert_memory_equal(to, expected, sizeof to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_ids),
        cmocka_unit_test(without_a_password),
        cmocka_unit_test(pacemakers_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
