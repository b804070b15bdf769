/*
 * The configuration, good and bad: files as text in, one value or one message with file and line out. The
 * sample configuration is the defaults.
 */
#include <stdio.h>
#include <stdlib.h>

#include "config_fixture.h"
#include "io/config/check.h"
#include "io/config/file.h"
#include "io/config/mounts.h"
#include "io/loop/log.h"

static struct pk_config defaults;

static void default_values(void **state)
{
    (void)state;
    pk_config_defaults(&config);
    assert_int_equal(config.log_level, PK_LOG_INFO);
    assert_int_equal(config.max_frame, 0xfffff);
    assert_int_equal(config.connect_timeout, 1000);
    assert_int_equal(config.handshake_timeout, 10000);
    assert_int_equal(config.client_buffer, 1 << 20);
    assert_int_equal(config.max_bytes, INT64_C(1) << 30);
    assert_int_equal(config.nlistens, 1);
    assert_string_equal(config.listens[0].host, "*");
    assert_int_equal(config.listens[0].port, 2181);
    assert_int_equal(config.nservers, 0);
    assert_int_equal(config.nmounts, 1);
    assert_string_equal(config.mounts[0].path, "/storm/workerbeats");
    assert_int_equal(config.mounts[0].mode, PK_MODE_PACEMAKER);
    assert_int_equal(pk_config_check(&config, &error), PK_EINVAL);
    assert_non_null(strstr(error.text, "no server of the ensemble"));
}

/* A key of a section stands below it, without its name. */
static bool shows(const char *text, const char *key)
{
    char line[128], section[64];
    const char *dot = strchr(key, '.');
    if (dot == NULL) {
        snprintf(line, sizeof line, "\n%s: ", key);
        return strstr(text, line) != NULL;
    }
    snprintf(section, sizeof section, "\n%.*s:\n", (int)(dot - key), key);
    snprintf(line, sizeof line, " %s: ", dot + 1);
    const char *inside = strstr(text, section);
    return inside != NULL && strstr(inside, line) != NULL;
}

static void sample_is_the_defaults(void **state)
{
    char path[4096];
    const char *top = getenv("top_srcdir");
    (void)state;
    snprintf(path, sizeof path, "%s/conf/pacekeeper.yaml", top != NULL ? top : ".");
    pk_config_defaults(&defaults);
    pk_config_defaults(&config);
    if (pk_config_file(&config, path, &error) != PK_OK)
        fail_msg("%s", error.text);
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
    assert_true(config.nservers > 0);
    memset(config.servers, 0, sizeof config.servers);
    memset(config.notes, 0, sizeof config.notes);
    config.nservers = config.nnotes = 0;
    assert_memory_equal(&config, &defaults, sizeof config);
    FILE *in = fopen(path, "r");
    char text[16384];
    assert_non_null(in);
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    fclose(in);
#define X(field, key, type, def, min, max, when, help)                                                       \
    if (!shows(text, key))                                                                                   \
        fail_msg("the sample does not show %s", key);
#include "io/config/config.def"
#undef X
}

static void whole_file(void **state)
{
    (void)state;
    good("listen: ['[::1]:2182', \"*:0\"]\n"
         "upstream: a:1, b ,c:3\n"
         "mounts:\n"
         "- /x=relay\n"
         "- path: /y/z\n"
         "  max-znodes: 5\n"
         "  max-bytes: 64KiB\n"
         "- /w\n"
         "log-level: debug\n"
         "handshake-timeout: 1500ms\n"
         "status-interval: 2min\n"
         "client-buffer: 2MiB\n"
         "max-connections: 7\n");
    assert_int_equal(config.nlistens, 2);
    assert_string_equal(config.listens[0].host, "::1");
    assert_int_equal(config.listens[0].port, 2182);
    assert_int_equal(config.listens[1].port, 0);
    assert_int_equal(config.nservers, 3);
    assert_string_equal(config.servers[1].host, "b");
    assert_int_equal(config.servers[1].port, 2181);
    assert_int_equal(config.servers[2].port, 3);
    assert_int_equal(config.nmounts, 3);
    assert_int_equal(config.mounts[0].mode, PK_MODE_RELAY);
    assert_string_equal(config.mounts[1].path, "/y/z");
    assert_int_equal(config.mounts[1].mode, PK_MODE_PACEMAKER);
    assert_int_equal(config.mounts[1].max_znodes, 5);
    assert_int_equal(config.mounts[1].max_bytes, 65536);
    assert_int_equal(config.mounts[1].max_znode, -1);
    assert_int_equal(config.log_level, PK_LOG_DEBUG);
    assert_int_equal(config.handshake_timeout, 1500);
    assert_int_equal(config.status_interval, 120000);
    assert_int_equal(config.client_buffer, 2 << 20);
    assert_int_equal(config.max_connections, 7);
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
}

static void empty_files(void **state)
{
    (void)state;
    pk_config_defaults(&defaults);
    good("");
    assert_memory_equal(&config, &defaults, sizeof config);
    good("# nothing\n");
    assert_memory_equal(&config, &defaults, sizeof config);
    good("mounts: []\n");
    assert_int_equal(config.nmounts, 0);
}

static void mistakes_have_a_line(void **state)
{
    (void)state;
    bad("log-level: info\nmax-fram: 1\n", 2, "is max-frame meant?");
    bad("max_frame: 2KiB\n", 1, "is max-frame meant?");
    bad("zzzzzzzz: 1\n", 1, "unknown key zzzzzzzz");
    bad("mount: [/a]\n", 1, "is mounts meant?");
    bad("max-frame: 4KiB\n\nmax-frame: 8KiB\n", 3, "given twice (first in line 1)");
    bad("max-frame: 4KB\n", 1, "expected a number of bytes");
    bad("max-frame: -1\n", 1, "expected a number of bytes");
    bad("max-frame: 5\n", 1, "out of bounds");
    bad("max-bytes: 99999999999999999999\n", 1, "expected a number of bytes");
    bad("max-bytes: 9999999999GiB\n", 1, "too large");
    bad("handshake-timeout: 10\n", 1, "expected a time with its unit");
    bad("handshake-timeout: 1.5s\n", 1, "expected a time with its unit");
    bad("handshake-timeout: 1ms\n", 1, "out of bounds");
    bad("max-connections: 10k\n", 1, "expected a number");
    bad("max-connections:\n", 1, "expected a number");
    bad("max-connections: [1]\n", 1, "expected a single value");
    bad("log-level: loud\n", 1, "debug, info, warn or error");
    bad("- a\n", 1, "KEY: VALUE");
    bad("a: [1\nb: 2\n", 2, "");
    bad("a: b: c\n", 1, "");
    bad("? [a]\n: b\n", 1, "plain text");
    bad("\tlog-level: info\n", 1, "a tab; indent with blanks");
    bad("listen:\n\t- a:1\n", 2, "a tab; indent with blanks");
    bad("listen:\n- a:1\n- *:2181\n", 3, "stands in quotes, like \"*:2181\"");
    bad("listen: [*:2181]\n", 1, "stands in quotes");
    bad("listen: @a\n", 1, "put the value into quotes");
    bad("log-level: info\n---\nlog-level: warn\n", 2, "a second document begins here");
    bad("log-level: info\n# caf\xe9\n", 2, "the byte 0xe9 is not UTF-8");
    bad("log-level: info\n# \xf0\x9f\x90\x98 \xc3\xa9\n# \xed\xa0\x80\n", 3, "the byte 0xed is not UTF-8");
    bad("log-level: info\n\x01\n", 2, "control characters are not allowed");
    good("---\nlog-level: info # \xc3\xa9 \xe2\x82\xac\n...\n");
}

static void wrong_addresses(void **state)
{
    (void)state;
    bad("listen:\n - a:1\n - a\n", 3, "the port is missing");
    bad("listen: a:65536\n", 1, "not a number from 0 to 65535");
    bad("listen: a:\n", 1, "");
    bad("listen: '::1:80'\n", 1, "stands in brackets");
    bad("listen: '[::1'\n", 1, "not closed");
    bad("listen: '[::1]x'\n", 1, "only :PORT");
    bad("listen: [[a]]\n", 1, "expected HOST:PORT");
    bad("upstream: a:1,b:2/chroot\n", 1, "chroot suffix");
    bad("upstream:\n- a:1\n- b:0\n", 3, "needs a host and a port");
    bad("upstream: a,,b\n", 1, "needs a host and a port");
    bad("upstream: \"a\\ab:1\"\n", 1, "character that names do not have");
    bad("upstream: 'zk1 zk2'\n", 1, "commas stand between several");
    bad("upstream: zk1:2181 zk2:2181\n", 1, "commas stand between several");
    bad("upstream: zk1;zk2\n", 1, "commas stand between several");
    bad("upstream:\n- zk1:2181\n- zk2\n- ZK1\n", 4, "ZK1:2181 is named twice");
    bad("listen: ['*:2181', '*:2181']\n", 1, "is named twice");
    good("listen: ['*:0', '*:0']\nupstream: [a:1, a:2]\n");
}

static void texts_and_switches(void **state)
{
    (void)state;
    good("state-file: /var/lib/x\nrelease: true\ninstances: none\nstate-max-age: 1h\n");
    assert_string_equal(config.state_file, "/var/lib/x");
    assert_string_equal(config.instances, "");
    assert_int_equal(config.release, 1);
    assert_int_equal(config.state_max_age, 3600000);
    good("state-file: none\nrelease: false\n");
    assert_string_equal(config.state_file, "");
    assert_string_equal(config.instances, "/pacekeeper");
    bad("state-file:\n", 1, "the path of a file, or none");
    bad("state-file: [a]\n", 1, "");
    bad("release: maybe\n", 1, "true or false, not \"maybe\"");
    bad("release: yes\n", 1, "true or false");
    bad("instances: pacekeeper\n", 1, "the path of a znode");
    bad("instances: /zookeeper/x\n", 1, "the path of a znode");
    bad("instances: /\n", 1, "or none");
    bad("state-max-age: 10ms\n", 1, "out of bounds: 1s to 168h");
    char text[700] = "state-file: /";
    memset(text + strlen(text), 'x', 600);
    bad(text, 1, "at most 511 bytes");
    good("upstream: a\nmounts: [/a]\ninstances: /a/b\n");
    assert_int_equal(pk_config_check(&config, &error), PK_EINVAL);
    assert_non_null(strstr(error.text, "outside the mounts"));
}

static void words(void **state)
{
    char text[PK_VALUE_TEXT];
    const struct {
        const char *given, *shown;
    } all[] = {{"srvr", "srvr"},
               {"mntr,srvr ,ruok", "srvr, ruok, mntr"},
               {"[stat, cons]", "stat, cons"},
               {"'*'", "srvr, ruok, isro, mntr, stat, cons, envi"},
               {"none", "none"}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(text, sizeof text, "four-letter-words: %s\n", all[i].given);
        good(text);
        assert_string_equal(pk_value_show(PK_TYPE_WORDS, &config.four_letter_words, text), all[i].shown);
    }
    bad("four-letter-words: srvr, dump\n", 1,
        "mntr stat cons envi, or * for all, or none, not \"srvr, dump\"");
    bad("four-letter-words: srvrr\n", 1, "expected four-letter words");
    bad("four-letter-words: []\n", 1, "expected four-letter words");
    bad("four-letter-words: [[srvr]]\n", 1, "expected a single value");
}

/* Every value is shown as it may be written. */
static void values_are_shown_as_written(void **state)
{
    char text[PK_VALUE_TEXT];
    struct pk_config_error why;
    const struct pk_key *key = NULL;
    (void)state;
    pk_config_defaults(&config);
    for (size_t i = 0; (key = pk_config_key(i)) != NULL; i++) {
        pk_config_defaults(&defaults);
        pk_value_show(key->type, (char *)&config + key->offset, text);
        assert_int_equal(pk_config_set(&defaults, key->name, text, &why), PK_OK);
        assert_memory_equal(&config, &defaults, sizeof config);
        if (strcmp(key->def, "1048575") != 0)
            assert_string_equal(text, key->def);
    }
}

static void too_many(void **state)
{
    char text[8192] = "mounts:\n";
    (void)state;
    for (int i = 0; i <= PK_MAX_MOUNTS; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "- /m%d\n", i);
    bad(text, PK_MAX_MOUNTS + 2, "more than");
    strcpy(text, "upstream:\n");
    for (int i = 0; i <= PK_MAX_SERVERS; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "- s%d\n", i);
    bad(text, PK_MAX_SERVERS + 2, "more than");
    strcpy(text, "listen:\n");
    for (int i = 0; i <= PK_MAX_LISTENS; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "- a:%d\n", i);
    bad(text, PK_MAX_LISTENS + 2, "more than");
    assert_int_equal(pk_config_file(&config, "/nonexistent/file", &error), PK_EINVAL);
    assert_non_null(strstr(error.text, "/nonexistent/file: cannot be read"));
    assert_int_equal(pk_config_file(&config, "/", &error), PK_EINVAL);
    assert_non_null(strstr(error.text, "is a folder"));
    assert_int_equal(pk_config_file(&config, "/dev/null", &error), PK_EINVAL);
    assert_non_null(strstr(error.text, "no regular file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_values),
        cmocka_unit_test(sample_is_the_defaults),
        cmocka_unit_test(whole_file),
        cmocka_unit_test(empty_files),
        cmocka_unit_test(mistakes_have_a_line),
        cmocka_unit_test(wrong_addresses),
        cmocka_unit_test(texts_and_switches),
        cmocka_unit_test(words),
        cmocka_unit_test(values_are_shown_as_written),
        cmocka_unit_test(too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
