/* Readers and writers of mounts as people write them: every form, every mistake, and what the core makes of them. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/config/file.h"
#include "io/config/mounts.h"
#include "io/config/pacemaker.h"
#include "io/config/policy.h"
#include "tests/lib/support.h"

#define BOB "digest:bob:R3bUSw3Enrs8ff9W5R1qlyZbH2M=" /* of bob:p */

static struct pk_config config;
static struct pk_config_error error;
static struct pk_policy_view view;

static char jaas[SUP_PATH];

/* Reads a configuration file of this text, %s being the JAAS file, and resolves it. */
static enum pk_err read_text(const char *format)
{
    char path[SUP_PATH], text[3000];
    snprintf(text, sizeof text, format, jaas);
    sup_file(path, text);
    memset(&config, 0, sizeof config);
    pk_config_defaults(&config);
    enum pk_err err = pk_config_file(&config, path, &error);
    if (err == PK_OK)
        err = pk_policies_resolve(&config, &error);
    if (err == PK_OK)
        err = pk_pacemaker_login_read(&config, &error);
    unlink(path);
    return err;
}

/* The JAAS file from here on. */
static void put_jaas(const char *text)
{
    unlink(jaas);
    sup_file(jaas, text);
}

static void expect_wrong(const char *text, const char *message)
{
    if (read_text(text) == PK_OK)
        fail_msg("accepted: %s", text);
    if (strstr(error.text, message) == NULL)
        fail_msg("%s: %s", text, error.text);
}

static const struct core_policy *policy_of(const char *text)
{
    if (read_text(text) != PK_OK)
        fail_msg("%s: %s", text, error.text);
    return pk_policy_view(&config, 0, &view);
}

static void none(void **state)
{
    (void)state;
    char text[PK_VALUE_TEXT];
    assert_null(policy_of("mounts: [{path: /m}]"));
    assert_string_equal(pk_config_show_mount(&config, 0, text), "pacemaker");
}

static void every_form(void **state)
{
    (void)state;
    const struct core_policy *p =
        policy_of("mounts:\n- {path: /m, readers: [\"" BOB "\", \"x509:CN=a,O=b\", sasl:nimbus/host@R, "
                  "\"ip:10.1.2.3\", \"ip:10.0.0.0/8\", \"ip:2001:db8::/32\", \"ip:::ffff:10.0.0.0/104\"], "
                  "exists-for: readers}");
    assert_non_null(p);
    assert_int_equal(p->nreaders, 7);
    assert_int_equal(p->nwriters, 1);
    assert_string_equal(p->writers[0].scheme, "world");
    assert_true(p->exists_reads);
    assert_string_equal(p->readers[0].id, &BOB[7]);
    assert_true(p->readers[0].upstream);
    assert_string_equal(p->readers[1].id, "CN=a,O=b");
    assert_false(p->readers[1].upstream);
    assert_int_equal(p->readers[3].prefix, 32);
    assert_int_equal(p->readers[4].prefix, 8);
    assert_int_equal(p->readers[5].address_len, 16);
    assert_int_equal(p->readers[5].prefix, 32);
    assert_int_equal(p->readers[6].address_len, 4);
    assert_int_equal(p->readers[6].prefix, 8);
    assert_int_equal(p->readers[6].address[0], 10);
}

static void as_a_flag(void **state)
{
    (void)state;
    char text[PK_VALUE_TEXT];
    memset(&config, 0, sizeof config);
    pk_config_defaults(&config);
    config.nmounts = 0;
    assert_int_equal(
        pk_config_add_mount(&config, "/a=pacemaker,readers=" BOB ",readers=sasl:nimbus,writers=ip:10.0.0.0/8",
                            &error),
        PK_OK);
    assert_int_equal(config.mounts[0].readers.n, 2);
    assert_int_equal(config.mounts[0].writers.n, 1);
    assert_string_equal(pk_config_show_mount(&config, 0, text),
                        "pacemaker,readers=digest:bob,sasl:nimbus,writers=ip:10.0.0.0/8");
}

static void mistakes(void **state)
{
    (void)state;
    expect_wrong("mounts: [{path: /m, readers: []}]", "readers: nobody could: name somebody");
    expect_wrong("mounts:\n- {path: /m,\n   writers: bob}", ":3: writers: expected world:anyone");
    expect_wrong("mounts: [{path: /m, readers: \"world:bob\"}]", "expected world:anyone");
    expect_wrong("mounts: [{path: /m, readers: \"auth:\"}]", "expected world:anyone");
    expect_wrong("mounts: [{path: /m, readers: \"sasl:\"}]", "expected world:anyone");
    expect_wrong("mounts: [{path: /m, readers: \"digest:bob:secret\"}]", "digest wants digest:USER:HASH");
    expect_wrong("mounts: [{path: /m, readers: \"digest:bob\"}]", "digest wants digest:USER:HASH");
    expect_wrong("mounts: [{path: /m, readers: \"ip:300.1.1.1\"}]", "ip wants ip:ADDRESS");
    expect_wrong("mounts: [{path: /m, readers: \"ip:10.0.0.0/33\"}]", "ip wants ip:ADDRESS");
    expect_wrong("mounts: [{path: /m, readers: \"ip:10.0.0.0/8x\"}]", "ip wants ip:ADDRESS");
    expect_wrong("mounts: [{path: /m, readers: {a: b}}]", "readers: expected a single value");
    expect_wrong("mounts: [{path: /m, reader: a}]", "is readers meant?");
    expect_wrong("mounts: [{path: /m, auth: basic}]", "expected none, digest or kerberos");
    expect_wrong("mounts: [{path: /m, auth: digest}]", "mount /m: auth: digest wants jaas");
    expect_wrong("mounts: [{path: /m, auth: kerberos}]", "mount /m: auth: kerberos wants nimbus-user");
    expect_wrong("mounts: [{path: /m, exists-for: all}]", "expected writers or readers");
    char many[2000] = "mounts: [{path: /m, readers: [";
    for (int i = 0; i < 17; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "\"sasl:u%d\", ", i);
    strcat(many, "]}]");
    expect_wrong(many, "more than 16 identities");
}

static void digest(void **state)
{
    (void)state;
    put_jaas("PacemakerDigest { x required username=\"bob\" password=\"p\"; };");
    const struct core_policy *p = policy_of("jaas: %s\nmounts: [{path: /m, auth: digest}, {path: /n}]");
    assert_int_equal(p->nreaders, 2);
    assert_string_equal(p->readers[0].scheme, "digest");
    assert_string_equal(p->readers[0].id, &BOB[7]);
    assert_string_equal(p->readers[1].scheme, "sasl");
    assert_string_equal(p->readers[1].id, "bob");
    assert_true(p->readers[1].alias);
    assert_false(pk_policy_hands_over_open(p));
    assert_int_equal(p->nown, 1);
    assert_string_equal(p->own[0].id, &BOB[7]);
    assert_null(pk_policy_view(&config, 1, &view));
    assert_int_equal(config.auth.n, 1);
    assert_memory_equal(config.auth.entries[0].secret, "bob:p", 5);
    expect_wrong("jaas: none-here\nmounts: [{path: /m, auth: digest}]", "none-here: cannot be read");
    put_jaas("Server { x required username=\"bob\" password=\"p\"; };");
    expect_wrong("jaas: %s\nmounts: [{path: /m, auth: digest}]", "there is no section PacemakerDigest");
    put_jaas("PacemakerDigest {\n x required username=\"bob\"; };");
    expect_wrong("jaas: %s\nauth: digest\nmounts: [/m]", ":1: PacemakerDigest wants username and");
    put_jaas("PacemakerDigest { x required username=\"b:c\" password=\"p\"; };");
    expect_wrong("jaas: %s\nauth: digest\nmounts: [/m]", "the user no colon");
    unlink(jaas);
}

static void kerberos(void **state)
{
    (void)state;
    const struct core_policy *p = policy_of("nimbus-user: nimbus@LAB\nauth: kerberos\nmounts: [/m]");
    assert_int_equal(p->nreaders, 1);
    assert_string_equal(p->readers[0].id, "nimbus@LAB");
    assert_null(policy_of("nimbus-user: nimbus\nauth: kerberos\nmounts: [{path: /m, auth: none}]"));
}

/* What Pacemaker's clients log in with; without a port for them nothing is wanted. */
static void logins_by_digest(void **state)
{
    char secret[PK_DIGEST_SECRET + 1] = "";
    (void)state;
    put_jaas("PacemakerDigest { x required username=\"bob\" password=\"p\"; };");
    policy_of("jaas: %s\nauth: digest\npacemaker: {mount: /m}\nmounts: [/m]");
    assert_int_equal(config.pacemaker_login.method, PK_LOGIN_NONE);
    policy_of("jaas: %s\nauth: digest\npacemaker: {listen: \"127.0.0.1:1\", mount: /m}\nmounts: [/n, /m]");
    assert_int_equal(config.pacemaker_login.method, PK_LOGIN_DIGEST);
    assert_string_equal(config.pacemaker_login.name, "bob");
    pk_digest_secret((uint8_t *)secret, PK_BYTES("bob:p"));
    assert_string_equal(pk_pacemaker_password(&config.pacemaker_login, "anybody"), secret);
    policy_of(
        "jaas: %s\npacemaker: {listen: \"127.0.0.1:1\", mount: /m}\nmounts: [/m, {path: /n, auth: digest}]");
    assert_int_equal(config.pacemaker_login.method, PK_LOGIN_NONE);
    unlink(jaas);
}

static void logins_by_kerberos(void **state)
{
    static const char listens[] =
        "auth: kerberos\nnimbus-user: storm\njaas: %s\nmounts: [{path: /m, writers: "
        "\"sasl:w\"}]\npacemaker: {mount: /m, listen: \"127.0.0.1:1\"}\n";
    char keytab[SUP_PATH], text[1000];
    (void)state;
    expect_wrong("auth: kerberos\nnimbus-user: storm\nmounts: [/m]\npacemaker: {mount: /m, listen: "
                 "\"127.0.0.1:1\"}",
                 "needs pacemaker.keytab and pacemaker.principal");
    put_jaas("PacemakerDigest { x required username=\"bob\" password=\"p\"; };");
    expect_wrong(listens, "there is no section PacemakerServer");
    put_jaas("PacemakerServer { x required keyTab=\"/none-here\"; };");
    expect_wrong(listens, "needs pacemaker.keytab and pacemaker.principal");
    put_jaas("PacemakerServer { x required keyTab=\"/none-here\" principal=\"nimbus/h@R\"; };");
    expect_wrong(listens, "pacemaker.keytab: /none-here: No such file");
    put_jaas("PacemakerServer { x required keyTab=\"/none-here\" principal=\"nimbus\"; };");
    expect_wrong(listens, "principal: expected the form service/host@REALM");
    sup_file(keytab, "");
    snprintf(text, sizeof text, "PacemakerServer { x required keyTab=\"%s\" principal=\"nimbus/h@R\"; };",
             keytab);
    put_jaas(text);
    assert_int_equal(read_text(listens), PK_OK);
    assert_int_equal(config.pacemaker_login.method, PK_LOGIN_KERBEROS);
    assert_string_equal(config.pacemaker_login.kerberos.principal.service, "nimbus");
    assert_true(pk_pacemaker_admits(&config, "storm") && pk_pacemaker_admits(&config, "w"));
    assert_false(pk_pacemaker_admits(&config, "bob") || pk_pacemaker_admits(&config, "storm/h@R") ||
                 pk_pacemaker_admits(&config, ""));
    unlink(keytab);
    unlink(jaas);
}

/* What cannot be kept is said. */
static void notes(void **state)
{
    (void)state;
    policy_of("mounts: [{path: /m, readers: \"x509:CN=a\"}]");
    assert_int_equal(config.nnotes, 1);
    assert_true(config.notes[0].warn);
    assert_non_null(strstr(config.notes[0].text, "is open to those who go there directly"));
    policy_of("mounts: [{path: /m, readers: \"" BOB "\"}]");
    assert_int_equal(config.nnotes, 1);
    assert_non_null(strstr(config.notes[0].text, "without auth-file"));
    policy_of("release: true\nmounts: [{path: /m, readers: \"" BOB "\"}]");
    assert_int_equal(config.nnotes, 2);
    assert_non_null(strstr(config.notes[1].text, "3.8.4"));
    policy_of("mounts: [{path: /m, writers: \"sasl:nimbus\"}]");
    assert_int_equal(config.nnotes, 1);
    assert_non_null(strstr(config.notes[0].text, "whoAmI"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none),     cmocka_unit_test(every_form),       cmocka_unit_test(as_a_flag),
        cmocka_unit_test(mistakes), cmocka_unit_test(digest),           cmocka_unit_test(kerberos),
        cmocka_unit_test(notes),    cmocka_unit_test(logins_by_digest), cmocka_unit_test(logins_by_kerberos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
