/*
 * SASL's library for tests (sasl_fixture.h).
 *
 * Happy path: a keytab and a krb5.conf are written, and the library is opened with them.
 * Failure modes: a library that does not open says why, and the tests fail.
 */
#include "sasl_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct sasl_user users[SASL_USERS] = {
    {"bob", "bobsecret"},
    {"super", "supersecret"},
    {"bob@EX", "exsecret"},
    {"a,b=c", "comma"},
    {"b\xc3\xb3"
     "b",
     "p\xc3\xa4ss"},
    {"empty", ""},
};

uv_loop_t loop;
struct pk_sasl *sasl;
static char keytab[SUP_PATH], krb5[SUP_PATH];

static const char *password(void *owner, const char *user)
{
    assert_ptr_equal(owner, &loop);
    for (int i = 0; i < SASL_USERS; i++)
        if (strcmp(users[i].name, user) == 0)
            return users[i].password;
    return NULL;
}

const struct pk_sasl_service service = {.mechanisms = PK_SASL_DIGEST_MD5 | PK_SASL_GSSAPI,
                                        .digest_service = "zookeeper",
                                        .digest_realm = HOST,
                                        .password = password,
                                        .users = &loop,
                                        .gss_service = "zookeeper",
                                        .gss_host = "localhost",
                                        .gss_realm = "LAB.LOCAL"};

/* zookeeper/localhost@LAB.LOCAL, as krb5's keytab(5) writes it: version, and one entry behind its length. */
static void write_keytab(void)
{
    static const char *const names[] = {"LAB.LOCAL", "zookeeper", "localhost"};
    uint8_t entry[200] = {0, 2};
    size_t n = 2;
    for (size_t i = 0; i < 3; i++) {
        entry[n + 1] = (uint8_t)strlen(names[i]);
        memcpy(entry + n + 2, names[i], strlen(names[i]));
        n += 2 + strlen(names[i]);
    }
    const uint8_t rest[] = {0, 0, 0, 1,  0, 0, 0,
                            0, 1, 0, 18, 0, 32}; /* type, time, version, AES-256, length */
    memcpy(entry + n, rest, sizeof rest);
    memset(entry + n + sizeof rest, 'k', 32);
    n += sizeof rest + 32;
    const uint8_t head[] = {5, 2, 0, 0, 0, (uint8_t)n};
    sup_file(keytab, "");
    FILE *f = fopen(keytab, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(head, sizeof head, 1, f) + fwrite(entry, n, 1, f), 2);
    assert_int_equal(fclose(f), 0);
}

int open_library(void **state)
{
    char why[200] = "";
    (void)state;
    write_keytab();
    sup_file(krb5, "[libdefaults]\ndefault_realm = LAB.LOCAL\ndns_lookup_kdc = false\nrdns = false\n"
                   "dns_canonicalize_hostname = false\n");
    setenv("KRB5_CONFIG", krb5, 1);
    uv_loop_init(&loop);
    const struct pk_sasl_setup setup = {.mechanisms = service.mechanisms, .keytab = keytab};
    if (pk_sasl_open(&sasl, &loop, &setup, why, sizeof why) != PK_OK) {
        fprintf(stderr, "%s\n", why);
        return -1;
    }
    return 0;
}

int close_library(void **state)
{
    (void)state;
    pk_sasl_free(sasl);
    unlink(keytab);
    unlink(krb5);
    return uv_loop_close(&loop);
}
