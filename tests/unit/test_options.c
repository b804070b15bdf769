/* The command line: what overrides what, and what a mistake gives. */
#include "io/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

static struct pk_config config;
static struct pk_options options;
static char config_file[64], storm_file[64];

static void write_file(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/pk-options-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* Reads a command line; the list ends with NULL. */
static void given(const char *const *words)
{
    char *argv[32] = {(char *)(uintptr_t) "pacekeeper"};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    pk_options_read(&options, &config, argc, argv);
}

#define GIVEN(...) given((const char *const[]){__VA_ARGS__, NULL})

static void expect(enum pk_action action, int status)
{
    assert_int_equal(options.action, action);
    if (action == PK_EXIT)
        assert_int_equal(options.status, status);
}

static void flags_alone(void **state)
{
    (void)state;
    GIVEN("--upstream", "a:1,b", "--upstream=c:3", "--listen", "[::1]:5", "--mount", "/x", "--mount=/y=relay",
          "--log-level", "debug");
    expect(PK_RUN, 0);
    assert_int_equal(config.nservers, 3);
    assert_string_equal(config.servers[2].host, "c");
    assert_int_equal(config.servers[1].port, 2181);
    assert_int_equal(config.nlistens, 1);
    assert_string_equal(config.listens[0].host, "::1");
    assert_int_equal(config.nmounts, 2);
    assert_int_equal(config.mounts[0].mode, PK_MODE_PACEMAKER);
    assert_int_equal(config.mounts[1].mode, PK_MODE_RELAY);
    assert_int_equal(config.log_level, 0);
    GIVEN("-t", "--upstream", "a");
    expect(PK_CHECK, 0);
}

static void precedence(void **state)
{
    (void)state;
    write_file(storm_file, "storm.zookeeper.servers: [s1, s2]\nstorm.zookeeper.port: 7\n");
    write_file(config_file, "listen: [f:1]\nmax-frame: 2KiB\nlog-level: warn\n");
    GIVEN("-c", config_file, "--storm-yaml", storm_file);
    expect(PK_RUN, 0);
    assert_int_equal(config.nservers, 2);
    assert_int_equal(config.servers[1].port, 7);
    assert_string_equal(config.mounts[0].path, "/storm/workerbeats");
    assert_string_equal(config.listens[0].host, "f");
    assert_int_equal(config.max_frame, 2048);
    GIVEN("--log-level", "error", "--mount", "/flag", "--upstream", "flag:9", "--storm-yaml", storm_file,
          "-c", config_file, "--listen", "flag:8");
    assert_int_equal(config.nservers, 1);
    assert_string_equal(config.servers[0].host, "flag");
    assert_int_equal(config.nmounts, 1);
    assert_string_equal(config.mounts[0].path, "/flag");
    assert_int_equal(config.nlistens, 1);
    assert_int_equal(config.listens[0].port, 8);
    assert_int_equal(config.log_level, 3);
    unlink(config_file);
    write_file(config_file, "upstream: file:1\nmounts: []\n");
    GIVEN("--storm-yaml", storm_file, "-c", config_file);
    assert_int_equal(config.nservers, 1);
    assert_string_equal(config.servers[0].host, "file");
    assert_int_equal(config.nmounts, 0);
    unlink(config_file);
    unlink(storm_file);
}

static void ends(void **state)
{
    (void)state;
    GIVEN("-V");
    expect(PK_EXIT, 0);
    GIVEN("--help");
    expect(PK_EXIT, 0);
    GIVEN("--nonsense");
    expect(PK_EXIT, 2);
    GIVEN("--upstream", "a", "word");
    expect(PK_EXIT, 2);
    GIVEN("--upstream");
    expect(PK_EXIT, 2);
    GIVEN("-t");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a:1/chroot");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a", "--mount", "/m=write-behind");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a", "--mount", "m");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a", "--listen", "nowhere");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a", "--log-level", "loud");
    expect(PK_EXIT, 1);
    GIVEN("-c", "/nonexistent");
    expect(PK_EXIT, 1);
    GIVEN("--storm-yaml", "/nonexistent");
    expect(PK_EXIT, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_alone),
        cmocka_unit_test(precedence),
        cmocka_unit_test(ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
