/*
 * storm.yaml, read as Storm reads it: what becomes servers and mounts, what is forgiven, and what is said of settings
 * that keep heartbeats away.
 */
#include <stdio.h>
#include <unistd.h>

#include "io/config/check.h"
#include "io/config/mounts.h"
#include "io/config/stormyaml.h"
#include "tests/lib/support.h"

static struct pk_config config;
static struct pk_config_error error;

static enum pk_err read_storm(const char *text)
{
    char path[SUP_PATH];
    sup_file(path, text);
    pk_config_defaults(&config);
    enum pk_err err = pk_config_storm(&config, path, &error);
    unlink(path);
    return err;
}

static void storm(void **state)
{
    (void)state;
    assert_int_equal(read_storm("storm.zookeeper.servers:\n - \"10.0.0.1\"\n - zk2\n - \"::1\"\n"
                                "storm.zookeeper.port: 2191\nstorm.zookeeper.root: \"/prod/storm\"\n"
                                "nimbus.seeds: [\"n1\"]\nnimbus.seeds: [\"n2\"]\n"),
                     PK_OK);
    assert_int_equal(config.nservers, 3);
    assert_string_equal(config.servers[0].host, "10.0.0.1");
    assert_int_equal(config.servers[1].port, 2191);
    assert_string_equal(config.servers[2].host, "::1");
    assert_int_equal(config.nmounts, 2);
    assert_string_equal(config.mounts[0].path, "/prod/storm/workerbeats");
    assert_int_equal(config.mounts[0].mode, PK_MODE_PACEMAKER);
    assert_string_equal(config.mounts[1].path, "/prod/storm/supervisors");
    assert_int_equal(config.mounts[1].mode, PK_MODE_WRITE_BEHIND);
    assert_int_equal(pk_config_core_mount(&config, 1).flush_us, 60000000);
    assert_int_equal(read_storm("storm.zookeeper.servers: [a]\n"), PK_OK);
    assert_int_equal(config.servers[0].port, 2181);
    assert_string_equal(config.mounts[0].path, "/storm/workerbeats");
    assert_int_equal(read_storm("storm.zookeeper.servers: [a]\nstorm.zookeeper.root: /\n"), PK_OK);
    assert_string_equal(config.mounts[0].path, "/workerbeats");
    assert_int_equal(read_storm("nimbus.seeds: [a]\n"), PK_EINVAL);
    assert_non_null(strstr(error.text, "storm.zookeeper.servers is missing"));
    assert_int_equal(read_storm("\nstorm.zookeeper.servers: [a]\nstorm.zookeeper.port: x\n"), PK_EINVAL);
    assert_non_null(strstr(error.text, ":3: storm.zookeeper.port"));
    assert_int_equal(read_storm("storm.zookeeper.servers: [a]\nstorm.zookeeper.root: x\n"), PK_EINVAL);
    assert_int_equal(read_storm("storm.zookeeper.servers:\n- {}\n"), PK_EINVAL);
}

/* How many notes hold these words. */
static size_t notes_with(const char *words)
{
    size_t n = 0;
    for (size_t i = 0; i < config.nnotes; i++)
        n += strstr(config.notes[i].text, words) != NULL;
    return n;
}

/* Once the first of two counted, where Storm takes the last, and nobody was told. */
static void of_two_keys_the_last_counts(void **state)
{
    (void)state;
    assert_int_equal(read_storm("storm.zookeeper.servers: [old]\nnimbus.seeds: [a]\nnimbus.seeds: [b]\n"
                                "storm.zookeeper.servers: [zk1, zk2]\n"),
                     PK_OK);
    assert_int_equal(config.nservers, 2);
    assert_string_equal(config.servers[0].host, "zk1");
    assert_int_equal(config.nnotes, 1);
    assert_true(config.notes[0].warn);
    assert_int_equal(notes_with(":4: storm.zookeeper.servers is given more than once"), 1);
    assert_int_equal(read_storm("storm.zookeeper.servers: [zk1, ZK1, zk2]\n"), PK_OK);
    assert_int_equal(config.nservers, 2);
    assert_int_equal(notes_with("ZK1 is named twice"), 1);
}

/* Once a comment in Latin-1 made the file unreadable here, which Storm reads. */
static void latin_1_in_a_comment(void **state)
{
    (void)state;
    assert_int_equal(read_storm("# f\xfcr die Produktion\nstorm.zookeeper.servers: [zk1]\n# \xe9"), PK_OK);
    assert_string_equal(config.servers[0].host, "zk1");
    assert_int_equal(read_storm("storm.zookeeper.servers: [zk\xfc]\n"), PK_EINVAL);
    assert_non_null(strstr(error.text, ":1: storm.zookeeper.servers: "));
    assert_int_equal(read_storm("storm.zookeeper.servers: [a]\n---\nx: 1\n"), PK_EINVAL);
    assert_non_null(strstr(error.text, "second document"));
}

static void what_keeps_heartbeats_away_is_said(void **state)
{
    static const struct {
        const char *line, *words;
    } all[] = {
        {"storm.zookeeper.superACL: \"sasl:storm\"", "heartbeats get ACLs"},
        {"storm.zookeeper.auth.scheme: digest", "heartbeats get ACLs"},
        {"java.security.auth.login.config: /etc/jaas.conf", "heartbeats get ACLs"},
        {"nimbus.childopts: \"-Xmx1g -Djava.security.auth.login.config=/etc/jaas.conf\"",
         "heartbeats get ACLs"},
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(text, sizeof text, "storm.zookeeper.servers: [a]\n%s\n", all[i].line);
        assert_int_equal(read_storm(text), PK_OK);
        assert_int_equal(config.nnotes, 1);
        assert_true(config.notes[0].warn && strstr(config.notes[0].text, ":2: ") != NULL);
        assert_int_equal(notes_with(all[i].words), 1);
    }
    assert_int_equal(read_storm("storm.zookeeper.servers: [a]\nstorm.zookeeper.superACL: null\n"
                                "storm.zookeeper.auth.scheme: ''\nnimbus.childopts: -Xmx1g\n"
                                "storm.cluster.state.store: org.apache.storm.cluster.ZKStateStorageFactory\n"
                                "storm.zookeeper.ssl.enable: false\n"),
                     PK_OK);
    assert_int_equal(config.nnotes, 0);
    assert_false(config.storm_tls);
    assert_int_equal(read_storm("storm.zookeeper.servers: [a]\nstorm.zookeeper.ssl.enable: true\n"), PK_OK);
    assert_true(config.storm_tls);
}

static void pacemakers_clients_are_served(void **state)
{
    (void)state;
    assert_int_equal(
        read_storm("storm.zookeeper.servers: [a]\nstorm.zookeeper.root: /s\npacemaker.port: 7000\n"
                   "storm.cluster.state.store: \"org.apache.storm.cluster.PaceMakerStateStorageFactory\"\n"
                   "pacemaker.thrift.message.size.max: 2000000\npacemaker.auth.method: NONE\n"),
        PK_OK);
    assert_int_equal(config.npacemaker_listens, 1);
    assert_int_equal(config.pacemaker_listens[0].port, 7000);
    assert_string_equal(config.pacemaker_mount, "/s/workerbeats");
    assert_int_equal(config.pacemaker_max_message, 2000000);
    assert_int_equal(config.nnotes, 1);
    assert_true(!config.notes[0].warn && strstr(config.notes[0].text, "served on port 7000") != NULL);
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
    assert_int_equal(
        read_storm("storm.cluster.state.store: org.apache.storm.pacemaker.pacemaker_state_factory\n"
                   "storm.zookeeper.servers: [a]\n"),
        PK_OK);
    assert_int_equal(config.pacemaker_listens[0].port, 6699);
    assert_int_equal(
        read_storm("storm.cluster.state.store: org.apache.storm.pacemaker.pacemaker_state_factory\n"
                   "storm.zookeeper.servers: [a]\npacemaker.auth.method: DIGEST\n"),
        PK_OK);
    assert_int_equal(config.npacemaker_listens, 1);
    assert_int_equal(config.mounts[0].auth_method, PK_LOGIN_DIGEST);
    assert_string_equal(config.jaas, "");
    assert_int_equal(
        read_storm("storm.cluster.state.store: org.apache.storm.pacemaker.pacemaker_state_factory\n"
                   "storm.zookeeper.servers: [a]\npacemaker.auth.method: KERBEROS\n"
                   "nimbus.daemon.user: storm\njava.security.auth.login.config: /etc/storm/jaas.conf\n"),
        PK_OK);
    assert_int_equal(config.mounts[0].auth_method, PK_LOGIN_KERBEROS);
    assert_string_equal(config.jaas, "/etc/storm/jaas.conf");
    assert_string_equal(config.nimbus_user, "storm");
    assert_int_equal(
        read_storm("storm.zookeeper.servers: [a]\njava.security.auth.login.config: /etc/storm/jaas.conf\n"),
        PK_OK);
    assert_string_equal(config.jaas, "");
    assert_int_equal(
        read_storm("storm.cluster.state.store: org.apache.storm.pacemaker.pacemaker_state_factory\n"
                   "storm.zookeeper.servers: [a]\npacemaker.port: many\n"),
        PK_EINVAL);
    assert_non_null(strstr(error.text, ":3: pacemaker.port: "));
    assert_int_equal(read_storm("storm.zookeeper.servers: [a]\npacemaker.port: 6699\n"), PK_OK);
    assert_int_equal(config.npacemaker_listens, 0);
}

static void supervisors_without_a_mount_are_said(void **state)
{
    (void)state;
    assert_int_equal(read_storm("storm.zookeeper.servers: [a]\n"), PK_OK);
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
    assert_int_equal(config.nnotes, 0);
    config.nmounts = 1;
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
    assert_int_equal(notes_with("/storm/supervisors is no mount"), 1);
    assert_false(config.notes[0].warn);
    config.nnotes = 0;
    config.mounts[0].mode = PK_MODE_RELAY;
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
    assert_int_equal(config.nnotes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storm),
        cmocka_unit_test(of_two_keys_the_last_counts),
        cmocka_unit_test(latin_1_in_a_comment),
        cmocka_unit_test(what_keeps_heartbeats_away_is_said),
        cmocka_unit_test(pacemakers_clients_are_served),
        cmocka_unit_test(supervisors_without_a_mount_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
