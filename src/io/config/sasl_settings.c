/*
 * The section sasl. Happy path: keys first, then what the JAAS file says. Failure modes: a mechanism without what it
 * needs, named with what to write; keys that nothing uses; a file of secrets that others can read.
 */
#include "io/config/sasl_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/config/error.h"
#include "io/config/jaas.h"
#include "io/config/readfile.h"
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

/* What Krb5LoginModule is told, where no key says it. */
static enum pk_err take_kerberos(struct pk_sasl_settings *s, const char *file,
                                 const struct pk_jaas_section *section, struct pk_config_error *error)
{
    const struct pk_jaas_module *m = pk_jaas_module_with(section, "keyTab");
    if (s->keytab[0] == '\0' && m != NULL)
        snprintf(s->keytab, sizeof s->keytab, "%s", pk_jaas_option(m, "keyTab"));
    m = pk_jaas_module_with(section, "principal");
    if (s->principal.service[0] != '\0' || m == NULL)
        return PK_OK;
    if (pk_principal_read(&s->principal, pk_jaas_option(m, "principal")) == PK_OK)
        return PK_OK;
    return pk_config_fail(error, file, m->line, "principal: expected the form service/host@REALM");
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
        err = take_kerberos(s, wanted->jaas, section, error);
    pk_jaas_free(&jaas);
    return err;
}

static enum pk_err check_keytab(const char *keytab, struct pk_config_error *error)
{
    int fd = open(keytab, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return pk_config_fail(error, NULL, 0, "sasl.keytab: %.200s: %s", keytab, strerror(errno));
    enum pk_err err = pk_file_check_secret(fd, keytab, error);
    close(fd);
    return err;
}

static enum pk_err check(const struct pk_sasl_settings *s, unsigned mechanisms, struct pk_config_error *error)
{
    bool gssapi = (mechanisms & PK_SASL_GSSAPI) != 0;
    if ((mechanisms & PK_SASL_DIGEST_MD5) != 0 && s->users.n == 0)
        return pk_config_fail(error, NULL, 0,
                              "sasl: DIGEST-MD5 needs users: jaas: FILE, with a section Server that has "
                              "user_NAME=\"password\", as ZooKeeper's servers have it");
    if (gssapi && (s->keytab[0] == '\0' || s->principal.service[0] == '\0'))
        return pk_config_fail(error, NULL, 0,
                              "sasl: GSSAPI needs keytab: FILE and principal: SERVICE/HOST@REALM, or a JAAS "
                              "file whose section Server has them (Krb5LoginModule: keyTab, principal)");
    return gssapi ? check_keytab(s->keytab, error) : PK_OK;
}

enum pk_err pk_sasl_settings_read(struct pk_sasl_settings *s, const struct pk_sasl_wanted *wanted,
                                  struct pk_config_error *error)
{
    if (wanted->mechanisms == 0)
        return check_unused(wanted, error);
    snprintf(s->keytab, sizeof s->keytab, "%s", wanted->keytab);
    if (wanted->principal[0] != '\0' && pk_principal_read(&s->principal, wanted->principal) != PK_OK)
        return pk_config_fail(error, NULL, 0, "sasl.principal: expected the form service/host@REALM");
    enum pk_err err = wanted->jaas[0] != '\0' ? read_jaas(s, wanted, error) : PK_OK;
    return err == PK_OK ? check(s, wanted->mechanisms, error) : err;
}

void pk_sasl_settings_free(struct pk_sasl_settings *settings)
{
    pk_users_free(&settings->users);
}
