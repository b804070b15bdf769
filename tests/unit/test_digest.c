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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_ids),
        cmocka_unit_test(without_a_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
