/* Where we listen ourselves, and which servers lead there: once only a probe could tell, after the start. */
#include "io/config/selves.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/lib/support.h"

static struct pk_config config;
static struct pk_config_error error;

/* Listens there alone, and asks whether a server at this address is ourselves. */
static bool ours(const char *listen, const char *server)
{
    pk_config_defaults(&config);
    config.nlistens = 0;
    assert_int_equal(pk_config_add_listen(&config, listen, &error), PK_OK);
    assert_int_equal(pk_config_add_servers(&config, server, 2181, &error), PK_OK);
    return pk_selves_check(&config, true, &error) != PK_OK;
}

static void numbers(void **state)
{
    (void)state;
    assert_true(ours("127.0.0.1:2181", "127.0.0.1:2181"));
    assert_true(ours("127.0.0.1:2181", "10.9.8.7,127.0.0.1"));
    assert_false(ours("127.0.0.1:2181", "127.0.0.1:2182"));
    assert_false(ours("127.0.0.1:2181", "127.0.0.2:2181"));
    assert_true(ours("127.0.0.1:2181", "0.0.0.0:2181"));
    assert_true(ours("[::1]:2181", "[::1]:2181"));
    assert_true(ours("127.0.0.1:2181", "[::ffff:127.0.0.1]:2181"));
    assert_false(ours("[::1]:2181", "127.0.0.1:2181"));
}

static void wildcards_are_all_addresses_of_the_machine(void **state)
{
    (void)state;
    for (const char *const *listen = (const char *const[]){"*:2181", ":2181", "0.0.0.0:2181", NULL};
         *listen != NULL; listen++) {
        assert_true(ours(*listen, "127.0.0.1"));
        assert_true(ours(*listen, "127.9.9.9"));
        assert_false(ours(*listen, "127.0.0.1:2182"));
        assert_false(ours(*listen, "198.51.100.1"));
    }
    assert_true(ours("*:2181", "[::1]:2181"));
    assert_true(ours("[::]:2181", "[::1]:2181"));
    assert_false(ours("[::]:2181", "127.0.0.1:2181"));
    assert_false(ours("0.0.0.0:2181", "[::1]:2181"));
    assert_false(ours("*:0", "127.0.0.1:2181"));
}

static void names(void **state)
{
    (void)state;
    assert_true(ours("127.0.0.1:2181", "localhost"));
    assert_non_null(strstr(error.text, "localhost:2181 is where pacekeeper itself listens (127.0.0.1:2181)"));
    assert_non_null(strstr(error.text, "pacekeeper adopt"));
    assert_true(ours("localhost:2181", "127.0.0.1"));
    assert_false(ours("127.0.0.1:2181", "no-such-host.invalid"));
    assert_int_equal(config.nnotes, 1);
    assert_non_null(strstr(config.notes[0].text, "no-such-host.invalid cannot be resolved"));
    assert_int_equal(pk_selves_check(&config, false, &error), PK_OK);
    assert_int_equal(config.nnotes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(wildcards_are_all_addresses_of_the_machine),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
