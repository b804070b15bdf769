/* The command line: what overrides what, and what a mistake gives. */
#include "io/config/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/support.h"

static struct pk_config config;
static struct pk_options options;
static char config_file[SUP_PATH], storm_file[SUP_PATH];

/* Reads a command line, which stays for a second reading; the list ends with NULL. */
static void given(const char *const *words)
{
    static char *argv[32];
    argv[0] = (char *)(uintptr_t) "pacekeeper";
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    argv[argc] = NULL;
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
    sup_file(storm_file, "storm.zookeeper.servers: [s1, s2]\nstorm.zookeeper.port: 7\n");
    sup_file(config_file, "listen: [f:1]\nmax-frame: 2KiB\nlog-level: warn\n");
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
    sup_file(config_file, "upstream: file:1\nmounts: []\n");
    GIVEN("--storm-yaml", storm_file, "-c", config_file);
    assert_int_equal(config.nservers, 1);
    assert_string_equal(config.servers[0].host, "file");
    assert_int_equal(config.nmounts, 0);
    unlink(config_file);
    unlink(storm_file);
}

static void in_a_group(void **state)
{
    static const char secret[] = "0123456789abcdef0123456789";
    char file[SUP_PATH], group[SUP_PATH + 64];
    (void)state;
    sup_file(file, "0123456789abcdef0123456789\nanother line\n");
    snprintf(group, sizeof group, "host1:2190,secret-file=%s", file);
    GIVEN("--upstream", "a", "--group", group);
    expect(PK_RUN, 0);
    assert_string_equal(config.group_listen, "host1:2190");
    assert_string_equal(config.group_name, "storm");
    assert_string_equal(config.group_secret, secret);
    pk_config_forget_secrets(&config);
    assert_string_equal(config.group_secret, "");
    strcat(group, ",name=other,buffer=2MiB");
    GIVEN("--upstream", "a", "--group", group);
    assert_string_equal(config.group_name, "other");
    assert_int_equal(config.group_buffer, 2 << 20);
    chmod(file, 0644);
    GIVEN("--upstream", "a", "--group", group);
    expect(PK_EXIT, 1);
    unlink(file);
    GIVEN("--upstream", "a", "--group", group);
    expect(PK_EXIT, 1);
    sup_file(file, "0123456789abcde\n0123456789\n");
    snprintf(group, sizeof group, "host1:2190,secret-file=%s", file);
    GIVEN("--upstream", "a", "--group", group);
    expect(PK_EXIT, 1);
    unlink(file);
    GIVEN("--upstream", "a", "--group", "host1:2190");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a", "--group", "host1:2190", "--group", "host2:2190");
    expect(PK_EXIT, 2);
}

static void pacemakers_listener(void **state)
{
    (void)state;
    GIVEN("--upstream", "a", "--pacemaker", "*:6700,max-message=2MiB");
    expect(PK_RUN, 0);
    assert_int_equal(config.npacemaker_listens, 1);
    assert_int_equal(config.pacemaker_listens[0].port, 6700);
    assert_int_equal(config.pacemaker_max_message, 2 << 20);
    GIVEN("--upstream", "a", "--pacemaker", "host1");
    assert_int_equal(config.pacemaker_listens[0].port, 6699);
    GIVEN("--upstream", "a", "--pacemaker", "none");
    assert_int_equal(config.npacemaker_listens, 0);
    GIVEN("--upstream", "a", "--pacemaker", "*:6700,mount=/other");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a", "--pacemaker", "*:6700,mount=/other", "--mount", "/other");
    expect(PK_RUN, 0);
    GIVEN("--upstream", "a", "--pacemaker", "*:1", "--pacemaker", "*:2");
    expect(PK_EXIT, 2);
    GIVEN("--upstream", "a", "--pacemaker", "*:1,threads=50");
    expect(PK_EXIT, 1);
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
    GIVEN("--upstream", "a", "--mount", "/m=write-behind,flush=10");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a", "--state-file", "");
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

static void state_file_and_mount(void **state)
{
    (void)state;
    sup_file(config_file, "upstream: a\nstate-file: /from/file\nflush: 20s\n");
    GIVEN("-c", config_file, "--state-file", "/tmp/flag", "--mount", "/m=write-behind,flush=60s");
    expect(PK_RUN, 0);
    assert_string_equal(config.state_file, "/tmp/flag");
    assert_int_equal(config.mounts[0].mode, PK_MODE_WRITE_BEHIND);
    assert_int_equal(config.mounts[0].flush, 60000);
    unlink(config_file);
}

/* The same command line read again sees the file as it is now. */
static void again(void **state)
{
    static struct pk_config second;
    struct pk_config_error error;
    (void)state;
    sup_file(config_file, "upstream: a\nflush: 20s\n");
    GIVEN("--log-level", "warn", "-c", config_file);
    expect(PK_RUN, 0);
    FILE *out = fopen(config_file, "w");
    assert_non_null(out);
    fputs("upstream: a\nflush: 40s\nlog-level: debug\n", out);
    fclose(out);
    assert_int_equal(pk_options_again(&options, &second, &error), PK_OK);
    assert_int_equal(second.flush, 40000);
    assert_int_equal(second.log_level, 2);
    unlink(config_file);
    assert_int_equal(pk_options_again(&options, &second, &error), PK_EINVAL);
    assert_non_null(strstr(error.text, "cannot be read"));
}

static struct pk_config_error auth_error;

static enum pk_err read_auth(const char *text, unsigned mode)
{
    char path[SUP_PATH];
    sup_file(path, text);
    assert_int_equal(chmod(path, mode), 0);
    enum pk_err err = pk_auth_read(&config.auth, path, &auth_error);
    unlink(path);
    return err;
}

static void refused(const char *text, unsigned mode, const char *words)
{
    assert_int_equal(read_auth(text, mode), PK_EINVAL);
    if (strstr(auth_error.text, words) == NULL || strstr(auth_error.text, "s3cret") != NULL)
        fail_msg("expected \"%s\" and nothing of the line in: %s", words, auth_error.text);
    assert_int_equal(config.auth.n, 0);
}

static void credentials(void **state)
{
    struct core_auth view[PK_MAX_AUTHS];
    char text[1024] = "digest:u:";
    (void)state;
    assert_int_equal(read_auth("# ours\n\ndigest:user:secret word\nx:\r\nsasl:a", 0600), PK_OK);
    assert_int_equal(pk_auth_view(&config.auth, view), 3);
    assert_string_equal(view[0].scheme, "digest");
    assert_int_equal(view[0].len, strlen("user:secret word"));
    assert_memory_equal(view[0].secret, "user:secret word", view[0].len);
    assert_int_equal(view[1].len, 0);
    assert_string_equal(view[2].scheme, "sasl");
    refused("digest:u:s3cret\n", 0644, "chmod 6");
    refused("digest:u:s3cret\n", 0602, "chmod 6");
    refused("digest:u:s3cret\nno colon\n", 0600, ":2: expected SCHEME:SECRET");
    refused(":s3cret\n", 0600, ":1: expected SCHEME:SECRET");
    refused("digest u:s3cret\n", 0600, ":1: expected SCHEME:SECRET");
    refused(" digest:u:s3cret\n", 0600, ":1: expected SCHEME:SECRET");
    refused("a:b\ndigest:s3cret\n", 0600, ":2: digest wants digest:USER:PASSWORD");
    memset(text + strlen(text), 's', 600);
    refused(text, 0600, ":1: the line is too long");
    text[7 + PK_AUTH_SECRET + 1] = '\0';
    assert_int_equal(read_auth(text, 0600), PK_EINVAL);
    text[7 + PK_AUTH_SECRET] = '\0';
    assert_int_equal(read_auth(text, 0600), PK_OK);
    assert_int_equal(read_auth("a:b\na:b\na:b\na:b\na:b\na:b\na:b\na:b\na:b\n", 0600), PK_EINVAL);
    assert_int_equal(pk_auth_read(&config.auth, "/nonexistent", &auth_error), PK_EINVAL);
    assert_int_equal(pk_auth_read(&config.auth, "/", &auth_error), PK_EINVAL);
}

/* Once the last of the two was taken, or worse the first. */
static void what_is_given_twice_is_refused(void **state)
{
    (void)state;
    GIVEN("--upstream", "a", "--log-level", "info", "--log-level", "warn");
    expect(PK_EXIT, 2);
    GIVEN("--upstream", "a", "--state-file", "/tmp/a", "--state-file=/tmp/b");
    expect(PK_EXIT, 2);
    GIVEN("-c", "/tmp/a", "--config", "/tmp/b");
    expect(PK_EXIT, 2);
    GIVEN("--storm-yaml", "/tmp/a", "--storm-yaml", "/tmp/b");
    expect(PK_EXIT, 2);
    GIVEN("--upstream", "a", "--mount", "/m=write-behind,flush=10s,flush=20s");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a", "--upstream", "a:2181");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a", "--mount", "/a,/b");
    expect(PK_EXIT, 1);
    GIVEN("--upstream", "a", "--mount", "/a", "--mount", "/a/b");
    expect(PK_EXIT, 1);
}

/* Once a state file was tried for the first time at the stop. */
static void a_state_file_needs_a_folder(void **state)
{
    static const char *const files[] = {"state", "./state", "/nonexistent/state", "/dev/null/state", "/tmp"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        GIVEN("-t", "--upstream", "a", "--state-file", files[i]);
        expect(PK_EXIT, 1);
    }
    GIVEN("-t", "--upstream", "a", "--state-file", "/tmp/state");
    expect(PK_CHECK, 0);
}

/* The configuration may name storm.yaml itself; the command line comes before it. */
static void storm_yaml_of_the_configuration(void **state)
{
    char text[256], other[SUP_PATH];
    (void)state;
    sup_file(storm_file, "storm.zookeeper.servers: [s1, s2]\n");
    sup_file(other, "storm.zookeeper.servers: [s3]\n");
    snprintf(text, sizeof text, "max-frame: 2KiB\nstorm-yaml: %s\n", storm_file);
    sup_file(config_file, text);
    GIVEN("-c", config_file);
    expect(PK_RUN, 0);
    assert_int_equal(config.nservers, 2);
    assert_int_equal(config.nmounts, 2);
    assert_string_equal(config.storm_yaml, storm_file);
    GIVEN("-c", config_file, "--storm-yaml", other);
    expect(PK_RUN, 0);
    assert_int_equal(config.nservers, 1);
    assert_string_equal(config.storm_yaml, other);
    unlink(config_file);
    sup_file(config_file, "storm-yaml: storm.yaml\n");
    GIVEN("-c", config_file);
    expect(PK_EXIT, 1);
    unlink(config_file);
    unlink(storm_file);
    unlink(other);
}

/* A name without a slash is one of systemd's credentials; -t by hand cannot see them. */
static void auth_file_among_the_credentials(void **state)
{
    char auth[SUP_PATH], text[256];
    (void)state;
    sup_file(auth, "digest:u:p\n");
    snprintf(text, sizeof text, "upstream: 127.0.0.1:1\nmounts: []\nauth-file: %s\n", strrchr(auth, '/') + 1);
    sup_file(config_file, text);
    unsetenv("CREDENTIALS_DIRECTORY");
    GIVEN("-c", config_file);
    expect(PK_EXIT, 1);
    GIVEN("-t", "-c", config_file);
    expect(PK_CHECK, 0);
    assert_int_equal(config.nnotes, 1);
    setenv("CREDENTIALS_DIRECTORY", "/tmp", 1);
    GIVEN("-c", config_file);
    expect(PK_RUN, 0);
    assert_int_equal(config.auth.n, 1);
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(config_file);
    unlink(auth);
}

static void auth_file_of_the_configuration(void **state)
{
    char text[256], auth[SUP_PATH];
    (void)state;
    sup_file(auth, "digest:u:p\n");
    assert_int_equal(chmod(auth, 0600), 0);
    snprintf(text, sizeof text, "upstream: a\nauth-file: %s\n", auth);
    sup_file(config_file, text);
    GIVEN("-c", config_file);
    expect(PK_RUN, 0);
    assert_int_equal(config.auth.n, 1);
    assert_int_equal(chmod(auth, 0644), 0);
    GIVEN("-c", config_file);
    expect(PK_EXIT, 1);
    unlink(auth);
    unlink(config_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_alone),
        cmocka_unit_test(precedence),
        cmocka_unit_test(in_a_group),
        cmocka_unit_test(pacemakers_listener),
        cmocka_unit_test(ends),
        cmocka_unit_test(state_file_and_mount),
        cmocka_unit_test(again),
        cmocka_unit_test(credentials),
        cmocka_unit_test(what_is_given_twice_is_refused),
        cmocka_unit_test(a_state_file_needs_a_folder),
        cmocka_unit_test(storm_yaml_of_the_configuration),
        cmocka_unit_test(auth_file_among_the_credentials),
        cmocka_unit_test(auth_file_of_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
