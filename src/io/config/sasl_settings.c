/*
 * The section sasl. Happy path: keys first, then what the JAAS file says. Failure modes: a mechanism without what it
 * needs, named with what to write; keys that nothing uses; a file of secrets that others can read.
 */
#include "io/config/sasl_settings.h"

#include <string.h>

#include "io/config/error.h"
#include "io/sasl/exchange.h"

/* Keys of the section without mechanisms: somebody believes that clients are authenticated. */
static enum pk_err check_unused(const struct pk_sasl_wanted *wanted, struct pk_config_error *error)
{
    if (wanted->jaas[0] == '\0' && wanted->keytab[0] == '\0' && wanted->principal[0] == '\0')
        return PK_OK;
    return pk_config_fail(error, NULL, 0,
                          "sasl: the section names no mechanisms, so nobody is authenticated here: add "
                          "mechanisms: [DIGEST-MD5, GSSAPI], or one of them");
}

/* A user is an option user_NAME="password" of any module, as org.apache.zookeeper.server.auth reads them. */
static enum pk_err take_users(struct pk_sasl_settings *s, const struct pk_jaas_section *section,
                              struct pk_config_error *error)
{
    static const char prefix[] = "user_";
    for (size_t i = 0; i < section->nmodules; i++) {
        const struct pk_jaas_module *m = &section->modules[i];
        for (size_t j = 0; j < m->noptions; j++) {
            const struct pk_jaas_option *o = &m->options[j];
            if (strncmp(o->name, prefix, sizeof prefix - 1) == 0 &&
                pk_users_add(&s->users, o->name + sizeof prefix - 1, o->value) != PK_OK)
                return pk_config_fail(error, NULL, 0, "sasl.jaas: memory is short");
        }
    }
    return PK_OK;
}

static enum pk_err read_jaas(struct pk_sasl_settings *s, const struct pk_sasl_wanted *wanted,
                             struct pk_config_error *error)
{
    struct pk_jaas jaas;
    const struct pk_jaas_section *section;
    if (pk_jaas_read(&jaas, wanted->jaas, error) != PK_OK)
        return PK_EINVAL;
    enum pk_err err = pk_jaas_section(&jaas, "Server", &section, error);
    if (err == PK_OK && (wanted->mechanisms & PK_SASL_DIGEST_MD5) != 0)
        err = take_users(s, section, error);
    if (err == PK_OK && (wanted->mechanisms & PK_SASL_GSSAPI) != 0)
        err = pk_kerberos_jaas(&s->kerberos, wanted->jaas, section, error);
    pk_jaas_free(&jaas);
    return err;
}

static enum pk_err check(const struct pk_sasl_settings *s, unsigned mechanisms, struct pk_config_error *error)
{
    bool gssapi = (mechanisms & PK_SASL_GSSAPI) != 0;
    if ((mechanisms & PK_SASL_DIGEST_MD5) != 0 && s->users.n == 0)
        return pk_config_fail(error, NULL, 0,
                              "sasl: DIGEST-MD5 needs users: jaas: FILE, with a section Server that has "
                              "user_NAME=\"password\", as ZooKeeper's servers have it");
    if (gssapi && !pk_kerberos_complete(&s->kerberos))
        return pk_config_fail(error, NULL, 0,
                              "sasl: GSSAPI needs keytab: FILE and principal: SERVICE/HOST@REALM, or a JAAS "
                              "file whose section Server has them (Krb5LoginModule: keyTab, principal)");
    return gssapi ? pk_kerberos_check(&s->kerberos, "sasl", error) : PK_OK;
}

enum pk_err pk_sasl_settings_read(struct pk_sasl_settings *s, const struct pk_sasl_wanted *wanted,
                                  struct pk_config_error *error)
{
    if (wanted->mechanisms == 0)
        return check_unused(wanted, error);
    enum pk_err err = pk_kerberos_keys(&s->kerberos, "sasl", wanted->keytab, wanted->principal, error);
    if (err == PK_OK && wanted->jaas[0] != '\0')
        err = read_jaas(s, wanted, error);
    return err == PK_OK ? check(s, wanted->mechanisms, error) : err;
}

void pk_sasl_settings_free(struct pk_sasl_settings *settings)
{
    pk_users_free(&settings->users);
}
