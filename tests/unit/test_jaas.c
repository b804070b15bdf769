/* JAAS files against what the JDK's ConfigFile makes of them (JDK 17 has read these texts, too), and their mistakes. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/config/jaas.h"
#include "tests/lib/support.h"

static struct pk_jaas jaas;
static struct pk_config_error error;

static enum pk_err parse(const char *text)
{
    return pk_jaas_parse(&jaas, "f", (const uint8_t *)text, strlen(text), &error);
}

/* The value of option o in the only section, S. */
static void reads_as(const char *text, const char *value)
{
    const struct pk_jaas_section *s;
    char file[400];
    snprintf(file, sizeof file, "S { m required o=%s; };", text);
    if (parse(file) != PK_OK)
        fail_msg("%s: %s", file, error.text);
    assert_int_equal(pk_jaas_section(&jaas, "S", &s, &error), PK_OK);
    const char *got = pk_jaas_option(&s->modules[0], "o");
    if (value == NULL)
        assert_null(got);
    else
        assert_string_equal(got, value);
    pk_jaas_free(&jaas);
}

static void expect_error(const char *text, const char *message)
{
    if (parse(text) == PK_OK)
        fail_msg("accepted: %s", text);
    assert_string_equal(error.text, message);
    assert_null(jaas.text);
}

static const char storm[] =
    "/* For Nimbus\n"
    " * and the others */\n"
    "Server {\n"
    "   org.apache.zookeeper.server.auth.DigestLoginModule required\n"
    "   user_super=\"adminsecret\"\n"
    "   user_nimbus=\"with \\\"quotes\\\" and \\\\\"; // one semicolon\n"
    "   com.sun.security.auth.module.Krb5LoginModule OPTIONAL useKeyTab=true keyTab=\"/etc/krb5.keytab\"\n"
    "     principal=\"zookeeper/host@REALM\";\n"
    "};\n"
    "PacemakerDigest { x.Y Required username=\"u\" password=\"p\"; };\n"
    "Empty { };";

static void sections(void **state)
{
    (void)state;
    const struct pk_jaas_section *s;
    assert_int_equal(parse(storm), PK_OK);
    assert_int_equal(jaas.nsections, 3);
    assert_int_equal(pk_jaas_section(&jaas, "Server", &s, &error), PK_OK);
    assert_int_equal(s->line, 3);
    assert_int_equal(s->nmodules, 2);
    assert_string_equal(s->modules[0].class_name, "org.apache.zookeeper.server.auth.DigestLoginModule");
    assert_int_equal(s->modules[0].flag, PK_JAAS_REQUIRED);
    assert_int_equal(s->modules[0].noptions, 2);
    assert_string_equal(pk_jaas_option(&s->modules[0], "user_nimbus"), "with \"quotes\" and \\");
    assert_int_equal(s->modules[1].flag, PK_JAAS_OPTIONAL);
    assert_int_equal(s->modules[1].line, 7);
    assert_string_equal(pk_jaas_option(&s->modules[1], "useKeyTab"), "true");
    assert_ptr_equal(pk_jaas_module_with(s, "principal"), &s->modules[1]);
    assert_null(pk_jaas_module_with(s, "password"));
    assert_int_equal(pk_jaas_section(&jaas, "Empty", &s, &error), PK_EINVAL);
    assert_string_equal(error.text, "f:11: the section Empty has no login module");
    assert_int_equal(pk_jaas_section(&jaas, "server", &s, &error), PK_EINVAL);
    assert_string_equal(error.text, "f: there is no section server");
    pk_jaas_free(&jaas);
}

static void values(void **state)
{
    (void)state;
    reads_as("word", "word");
    reads_as("a-b.c$d_e*f9", "a-b.c$d_e*f9");
    reads_as("\"\"", "");
    reads_as("\"a // b /* c\"", "a // b /* c");
    reads_as("\"'single'\"", "'single'");
    reads_as("\"\\101\\t\\n\\q\\7\\0601\"", "A\t\nq\a01");
    reads_as("\"\\351\\400\"", "\xc3\xa9 0");
    reads_as("\"p\xc3\xa4ss\\\xc3\xa4\"", "p\xc3\xa4ss\xc3\xa4");
    reads_as("b\xc3\xb6"
             "b",
             "b\xc3\xb6"
             "b");
    reads_as("first o=second", "second");
    reads_as("first O=second", "first");
    reads_as("x /* o=y\n */ // o=z\n / o=z\n", "x");
    reads_as("x /\no=y\n", "x");
    reads_as("x \"o\"=y \"user_a@b\"=c", "y");
    reads_as("x\r\n\t\f p=\"q\"", "x");
}

static void nothing_in_it(void **state)
{
    (void)state;
    const char *const texts[] = {"", "\n \t", "// no more", "/* without an end", "/"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(parse(texts[i]), PK_OK);
        assert_int_equal(jaas.nsections, 0);
        pk_jaas_free(&jaas);
    }
}

static void mistakes(void **state)
{
    (void)state;
    expect_error("S { m required; }",
                 "f:1: expected a semicolon behind the } of a section, and the file ends");
    expect_error("S {\n m required a=b\n};", "f:3: expected NAME=VALUE, or a semicolon behind the last one");
    expect_error(
        "S {\n m needed a=b;\n};",
        "f:2: expected required, requisite, sufficient or optional behind the class of a login module");
    expect_error("S { \"\" required; };", "f:1: the class of a login module is empty");
    expect_error("S m", "f:1: expected { behind the name of a section");
    expect_error("S { m required a;};", "f:1: expected = behind the name of an option");
    expect_error("S { m required\n\na=;};",
                 "f:3: expected the value of an option, a word or a string in double quotes");
    expect_error("S { m required user_a@b=c; };", "f:1: expected = behind the name of an option");
    expect_error("S { m required a/b=c; };",
                 "f:1: expected = behind the name of an option, and the file ends");
    expect_error("S { m required a='b'; };", "f:1: strings stand in double quotes");
    expect_error("# comment\nS { m required; };",
                 "f:1: expected the name of a section, like Server { ... };");
    expect_error("S { m required a=12x34; };",
                 "f:1: a word that begins with a digit, a dot or a minus sign stands in double quotes");
    expect_error("S { m required a=-x; };",
                 "f:1: a word that begins with a digit, a dot or a minus sign stands in double quotes");
    expect_error("S { m required a=\"b\nc\"; };",
                 "f:1: a string has to end, with a double quote, on the line where it begins");
    expect_error("S { m required a=\"b",
                 "f:1: a string has to end, with a double quote, on the line where it begins");
    expect_error("S { m required; };\nS { m required; };", "f:2: a second section of the same name");
    expect_error("S { m required a=\"\\0\"; };", "f:1: a string may not hold a zero");
    expect_error("S {\n\xff", "f:2: not UTF-8");
    expect_error("S { m required a=\"\xc3(\"; };", "f:1: not UTF-8");
    expect_error("S { m required a=\"\xed\xa0\x80\"; };", "f:1: not UTF-8");
    expect_error("S \xc2\x80", "f:1: expected { behind the name of a section");
}

/* Every cut is an error with a line, or fewer sections; nothing is left over. */
static void truncated(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(storm); n++) {
        char *cut = strndup(storm, n);
        if (parse(cut) == PK_OK) {
            assert_true(jaas.nsections < 3);
            pk_jaas_free(&jaas);
        } else {
            assert_int_equal(strncmp(error.text, "f:", 2), 0);
        }
        free(cut);
    }
}

static void what_needs_java(void **state)
{
    (void)state;
    const struct pk_jaas_section *s;
    assert_int_equal(parse("A { m required\n p=\"${user.home}/k\"; }; B { m required p=$x; };"), PK_OK);
    assert_int_equal(pk_jaas_section(&jaas, "B", &s, &error), PK_OK);
    assert_int_equal(pk_jaas_section(&jaas, "A", &s, &error), PK_EINVAL);
    assert_string_equal(error.text,
                        "f:2: the value refers to a system property of Java: write what it stands for");
    pk_jaas_free(&jaas);
}

static void bounds(void **state)
{
    (void)state;
    size_t cap = 100 * 1000, n = 0;
    char *text = malloc(cap);
    n += (size_t)snprintf(text + n, cap - n, "S { m required\n");
    for (int i = 0; i < 4097; i++)
        n += (size_t)snprintf(text + n, cap - n, "o%d=x%s", i, i == 4095 ? "\n" : " ");
    snprintf(text + n, cap - n, "; };");
    expect_error(text, "f:3: more than 4096 of these");
    free(text);
}

static void only_its_owner_may_read_it(void **state)
{
    (void)state;
    char file[] = "jaas-test-XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, storm, strlen(storm)), (ssize_t)strlen(storm));
    close(fd);
    assert_int_equal(chmod(file, 0604), 0);
    assert_int_equal(pk_jaas_read(&jaas, file, &error), PK_EINVAL);
    assert_non_null(strstr(error.text, "it holds secrets"));
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(pk_jaas_read(&jaas, file, &error), PK_OK);
    assert_int_equal(jaas.nsections, 3);
    pk_jaas_free(&jaas);
    unlink(file);
    assert_int_equal(pk_jaas_read(&jaas, file, &error), PK_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections),      cmocka_unit_test(values),
        cmocka_unit_test(nothing_in_it), cmocka_unit_test(mistakes),
        cmocka_unit_test(truncated),     cmocka_unit_test(what_needs_java),
        cmocka_unit_test(bounds),        cmocka_unit_test(only_its_owner_may_read_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
