/* The parts of a configuration that have keys of their own: a group, TLS, mounts. */
#include <stdio.h>

#include "config_fixture.h"
#include "io/config/check.h"
#include "io/config/group.h"
#include "io/config/mounts.h"
#include "io/config/tlsfiles.h"

/* The whole is refused, for this reason. */
static void unfit(const char *text, const char *why)
{
    good(text);
    assert_int_equal(pk_config_check(&config, &error), PK_EINVAL);
    if (strstr(error.text, why) == NULL)
        fail_msg("expected \"%s\" in: %s", why, error.text);
}

static void a_group(void **state)
{
    (void)state;
    good("upstream: a:1\ngroup: {name: blue-2_B, listen: 'host1:2190', secret-file: /s, buffer: 1MiB}\n");
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
    assert_true(pk_group_configured(&config));
    assert_string_equal(config.group_name, "blue-2_B");
    assert_string_equal(config.group_listen, "host1:2190");
    assert_int_equal(config.group_buffer, 1 << 20);
    good("upstream: a:1\ngroup: {listen: '[::1]:2190', secret-file: cred}\n");
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
    assert_string_equal(config.group_name, "storm");
    good("upstream: a:1\n");
    assert_false(pk_group_configured(&config));
    bad("group: {listen: '*:2190'}\n", 1, "group.listen: expected the address of this machine");
    bad("group: {listen: '0.0.0.0:2190'}\n", 1, "expected the address of this machine");
    bad("group:\n  listen: '[::]:2190'\n", 2, "expected the address of this machine");
    bad("group: {listen: 'host1:0'}\n", 1, "expected a port that others can be told");
    bad("group: {listen: host1}\n", 1, "group.listen");
    bad("group: {name: a/b}\n", 1, "group.name: expected a name of letters, digits");
    bad("group: {name: none}\n", 1, "expected a name of letters");
    bad("group: {name: 0123456789abcdef0123456789abcdef}\n", 1, "at most 31");
    bad("group: {buffer: 1KiB}\n", 1, "1MiB to 16GiB");
    bad("group: {secret: x}\n", 1, "unknown key group.secret");
    unfit("upstream: a:1\ngroup: {listen: 'h:1'}\n", "group: needs secret-file");
    unfit("upstream: a:1\ngroup: {secret-file: /s}\n", "group: needs listen");
    unfit("upstream: a:1\ninstances: none\ngroup: {listen: 'h:1', secret-file: /s}\n",
          "name a znode there, not none");
    unfit("upstream: a:1\nmounts: [/a=relay]\ngroup: {listen: 'h:1', secret-file: /s}\n",
          "no memory to share");
    good("upstream: a:1\nstate-file: /tmp/s\ngroup: {listen: 'h:1', secret-file: /s}\n");
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
    assert_non_null(strstr(config.notes[0].text, "state-file: a member of a group has none"));
    good("upstream: a:1\nrelease: true\ngroup: {listen: 'h:1', secret-file: /s}\n");
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
    assert_non_null(strstr(config.notes[0].text, "release: true"));
}

static void files_of_tls(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"tls: {certificate: /x}", "no address is given"},
        {"tls: {listen: '*:1'}", "needs both certificate and key"},
        {"tls: {listen: '*:1', certificate: /x, key: /y, client: required}", "it needs ca"},
        {"tls: {listen: '*:1', certificate: /no/where, key: /no/where}", "/no/where cannot be read"},
        {"upstream-tls: {certificate: /x}", "need each other"},
        {"upstream-tls: {certificate: /x, key: /y}", "it needs ca"},
        {"upstream-tls: {ca: /no/where}", "/no/where cannot be read"},
        {"group-tls: {ca: /x, key: /y}", "each member shows the others his"},
        {"group-tls: {ca: /x, key: /y, certificate: /z}", "there is no group"},
        {"group: {listen: 'a:1', secret-file: /s}\ngroup-tls: {ca: /x, key: /y, certificate: /no/where}",
         "/no/where cannot be read"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        good(bad[i].text);
        assert_int_equal(pk_tlsfiles_read(&config, &error), PK_EINVAL);
        assert_non_null(strstr(error.text, bad[i].why));
        pk_tlsfiles_drop(&config);
    }
    good("tls: {listen: ['*:1', '*:2'], client: optional, min-version: 1.3}\nproxy-protocol: [10.0.0.0/8, "
         "'::1']");
    assert_int_equal(config.ntls_listens, 2);
    assert_int_equal(config.tls_min_version, 1);
    assert_int_equal(config.nproxies, 2);
    good("upstream: a:1");
    assert_int_equal(pk_tlsfiles_read(&config, &error), PK_OK);
    assert_null(config.tls);
    assert_null(config.upstream_tls);
    assert_int_equal(config.nnotes, 0);
    config.storm_tls = true;
    assert_int_equal(pk_tlsfiles_read(&config, &error), PK_OK);
    assert_int_equal(config.nnotes, 2);
    assert_non_null(strstr(config.notes[0].text, "give it an address for that (tls)"));
    assert_non_null(strstr(config.notes[1].text, "give upstream-tls"));
}

static void wrong_mounts(void **state)
{
    (void)state;
    bad("mounts: [/a=fast]\n", 1, "pacemaker, write-behind or relay, not \"fast\"");
    bad("mounts:\n- path: /a\n  mode: writebehind\n", 3, "pacemaker, write-behind or relay");
    bad("mounts: ['/a=write-behind,flush=60']\n", 1, "flush: expected a time with its unit, like 10s");
    bad("mounts: ['/a=write-behind,flsh=60s']\n", 1, "is flush meant?");
    bad("mounts: ['/a=write-behind,fast']\n", 1, "PATH=MODE,KEY=VALUE");
    bad("mounts: ['/a=write-behind,mode=relay']\n", 1, "unknown key of a mount mode");
    bad("mounts: ['/a=write-behind,log-level=info']\n", 1, "unknown key of a mount log-level");
    bad("mounts:\n- path: /a\n  release: true\n", 3, "unknown key of a mount release");
    bad("mounts:\n- path: /a\n  flush: 0\n", 3, "or never, not \"0\"");
    bad("mounts:\n- path: /a\n  flush: 1ms\n", 3, "out of bounds: 100ms to 24h");
    bad("mounts:\n- path: /a\n  when-watched: never\n", 3, "relay or absorb, not \"never\"");
    bad("mounts:\n- mode: relay\n", 2, "needs a path");
    bad("mounts:\n- path: /a\n  mood: relay\n", 3, "is mode meant?");
    bad("mounts:\n- path: /a\n  path: /b\n", 3, "given twice");
    bad("mounts:\n- path: /a\n  max-znodes: x\n", 3, "expected a number");
    bad("mounts:\n- path: [/a]\n", 2, "expected a single value");
    bad("mounts: [[/a]]\n", 1, "PATH=MODE");
    for (const char *const *path = (const char *const[]){"/", "a", "/a/", "/a//b", "/a/../b", "/zookeeper",
                                                         "/zookeeper/config", "''", NULL};
         *path != NULL; path++) {
        char text[64];
        snprintf(text, sizeof text, "mounts:\n- %s\n", *path);
        bad(text, 2, "mount");
    }
    bad("mounts:\n- /a\n- /a/b=relay\n", 3, "overlap");
    bad("mounts:\n- /a/b\n- {path: /a, mode: relay}\n", 3, "overlap");
    bad("mounts:\n- /a\n- /b\n- /a=relay\n", 4, "/a is named twice");
    bad("mounts:\n- /a,/b\n", 2, "looks like several paths");
    bad("mounts:\n- /a=relay,/b=relay\n", 2, "looks like several paths");
    bad("mounts:\n- path: /a, /b\n", 2, "looks like several paths");
    bad("mounts:\n- /a,flush=60s\n", 2, "a mode comes before the keys");
    bad("mounts:\n- /a=write-behind,flush=60s,flush=10s\n", 2, "flush is given twice");
    bad("mounts:\n- /b\n- /a=pacemaker,flush=60s\n", 3, "flush means nothing in the mode pacemaker");
    bad("mounts:\n- path: /a\n  flush: 60s\n", 2, "flush means nothing in the mode pacemaker");
    good("mounts: ['/a=relay,flush=60s']\n");
    good("upstream: a\nmounts: [/a, /ab, /b/a]\n");
    assert_int_equal(pk_config_check(&config, &error), PK_OK);
}

static void mount_values(void **state)
{
    char text[PK_VALUE_TEXT];
    (void)state;
    good("mounts:\n"
         "- /a=write-behind\n"
         "- '/b=write-behind,flush=60s,max-znode=1KiB'\n"
         "- {path: /c, mode: write-behind, flush: never, when-watched: absorb}\n"
         "- '/d=e=relay'\n"
         "- /f\n"
         "flush: 30s\nwhen-watched: absorb\nmax-znode: 2KiB\n");
    assert_int_equal(config.nmounts, 5);
    assert_string_equal(config.mounts[3].path, "/d=e");
    struct core_mount m = pk_config_core_mount(&config, 0);
    assert_string_equal(m.path, "/a");
    assert_int_equal(m.mode, PK_MODE_WRITE_BEHIND);
    assert_int_equal(m.flush_us, 30000000);
    assert_int_equal(m.max_znode, 2048);
    assert_true(m.absorb_watched);
    m = pk_config_core_mount(&config, 1);
    assert_int_equal(m.flush_us, 60000000);
    assert_int_equal(m.max_znode, 1024);
    m = pk_config_core_mount(&config, 2);
    assert_int_equal(m.flush_us, 0);
    assert_true(m.absorb_watched);
    assert_string_equal(pk_config_show_mount(&config, 1, text), "write-behind,flush=60s,when-watched=absorb");
    assert_string_equal(pk_config_show_mount(&config, 2, text),
                        "write-behind,flush=never,when-watched=absorb");
    assert_string_equal(pk_config_show_mount(&config, 3, text), "relay");
    good("mounts: [/a]\n");
    m = pk_config_core_mount(&config, 0);
    assert_int_equal(m.flush_us, 10000000);
    assert_false(m.absorb_watched);
    assert_string_equal(pk_config_show_mount(&config, 0, text), "pacemaker");
    assert_true(pk_config_holds(&config));
    good("mounts: [/a=relay]\n");
    assert_false(pk_config_holds(&config));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group),
        cmocka_unit_test(files_of_tls),
        cmocka_unit_test(wrong_mounts),
        cmocka_unit_test(mount_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
