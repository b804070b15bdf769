/*
 * What SASL writes as text: the response of DIGEST-MD5, and principals of Kerberos.
 */
#include <stdio.h>

#include "io/sasl/digest_response.h"
#include "io/sasl/principal.h"
#include "tests/lib/support.h"

static enum pk_err read_response(struct pk_digest_response *r, const char *text)
{
    uint8_t *p = sup_fence(text, strlen(text));
    enum pk_err err = pk_digest_response_read(r, p, strlen(text));
    sup_unfence(p, strlen(text));
    return err;
}

static void responses(void **state)
{
    struct pk_digest_response r;
    (void)state;
    assert_int_equal(
        read_response(&r, "charset=utf-8,username=\"b\\\"\\\\ob\",realm=\"r\",nonce=\"n,\",nc=00000001,"
                          "digest-uri=\"a/b\",response=00"),
        PK_OK);
    assert_string_equal(r.user, "b\"\\ob");
    assert_string_equal(r.realm, "r");
    assert_string_equal(r.uri, "a/b");
    assert_int_equal(read_response(&r, " ,, USERNAME = \"\" , realm=r\t,digest-uri=u,,"), PK_OK);
    assert_string_equal(r.user, "");
    static const char *const bad[] = {
        "",
        ",",
        "username=\"bob\",realm=\"r\"",
        "username=\"bob\",digest-uri=\"u\"",
        "realm=\"r\",digest-uri=\"u\"",
        "username=\"bob\",username=\"eve\",realm=\"r\",digest-uri=\"u\"",
        "username=\"bob\",realm=\"r\",digest-uri=\"u\",nonce=1,NONCE=2",
        "username=\"bob,realm=\"r\",digest-uri=\"u\"",
        "username=\"bob\"x,realm=\"r\",digest-uri=\"u\"",
        "username=\"bob\\",
        "username,realm=\"r\",digest-uri=\"u\"",
        "=\"bob\",realm=\"r\",digest-uri=\"u\"",
        "username=\"b\xf3\x62\",realm=\"r\",digest-uri=\"u\"",
        "charset=latin,username=\"bob\",realm=\"r\",digest-uri=\"u\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (read_response(&r, bad[i]) != PK_EMALFORMED)
            fail_msg("%s is taken", bad[i]);
}

static void long_responses(void **state)
{
    struct pk_digest_response r;
    char text[600];
    (void)state;
    for (int n = 250; n < 260; n++) {
        snprintf(text, sizeof text, "charset=utf-8,username=\"%0*d\",realm=r,digest-uri=u", n, 0);
        assert_int_equal(read_response(&r, text), n < PK_DIGEST_VALUE ? PK_OK : PK_EMALFORMED);
    }
}

static void principals(void **state)
{
    struct pk_principal p;
    (void)state;
    assert_int_equal(pk_principal_read(&p, "zookeeper/h.example@EX.ORG"), PK_OK);
    assert_string_equal(p.service, "zookeeper");
    assert_string_equal(p.host, "h.example");
    assert_string_equal(p.realm, "EX.ORG");
    static const char *const bad[] = {"",     "a",       "a/b",     "a@C",   "/b@C",     "a/@C",
                                      "a/b@", "a/b/c@D", "a/b@C@D", "a@b/C", "a\\/b/c@D"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (pk_principal_read(&p, bad[i]) != PK_EMALFORMED)
            fail_msg("%s is taken", bad[i]);
}

static void short_names_of_principals(void **state)
{
    char out[6];
    (void)state;
    assert_int_equal(pk_principal_short(out, sizeof out, "alice@US", "US"), PK_OK);
    assert_string_equal(out, "alice");
    assert_int_equal(pk_principal_short(out, sizeof out, "alice/h.example@US", "US"), PK_OK);
    assert_string_equal(out, "alice");
    static const char *const others[] = {"alice@THEM", "alice/h@THEM", "alice@US@THEM", "alice@us",
                                         "alice",      "@US",          "/h@US"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(pk_principal_short(out, sizeof out, others[i], "US"), PK_ENOENT);
    assert_int_equal(pk_principal_short(out, 5, "alice@US", "US"), PK_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses),
        cmocka_unit_test(long_responses),
        cmocka_unit_test(principals),
        cmocka_unit_test(short_names_of_principals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
