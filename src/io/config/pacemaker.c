/*
 * Logins of Pacemaker's clients. Happy path: the JAAS file that Storm's Pacemaker has: its section PacemakerDigest, or
 * PacemakerServer where no key says keytab and principal. Failure modes: what a method wants is missing, named with
 * what to write; a second keytab, of which a process can have one only.
 */
#include "io/config/pacemaker.h"

#include <stdio.h>
#include <string.h>

#include "io/config/mounts.h"
#include "io/sasl/exchange.h"

static enum pk_err take_user(struct pk_pacemaker_user *out, const char *user, const char *password,
                             struct pk_config_error *error)
{
    int n = snprintf(out->text, sizeof out->text, "%s:%s", user, password);
    out->len = (size_t)n;
    out->user = strlen(user);
    if (out->len < sizeof out->text && strchr(user, ':') == NULL)
        return PK_OK;
    return pk_config_fail(error, NULL, 0,
                          "auth: digest: user and password of the section PacemakerDigest have at most %zu "
                          "bytes, the user no colon",
                          sizeof out->text - 2);
}

enum pk_err pk_pacemaker_user_read(struct pk_pacemaker_user *out, const char *file,
                                   struct pk_config_error *error)
{
    struct pk_jaas jaas;
    const struct pk_jaas_section *section = NULL;
    if (pk_jaas_read(&jaas, file, error) != PK_OK)
        return PK_EINVAL;
    enum pk_err err = pk_jaas_section(&jaas, "PacemakerDigest", &section, error);
    const struct pk_jaas_module *m = err == PK_OK ? pk_jaas_module_with(section, "username") : NULL;
    const char *user = m != NULL ? pk_jaas_option(m, "username") : NULL;
    const char *password = m != NULL ? pk_jaas_option(m, "password") : NULL;
    if (user != NULL && password != NULL && user[0] != '\0')
        err = take_user(out, user, password, error);
    else if (err == PK_OK)
        err = pk_config_fail(error, file, section->line, "PacemakerDigest wants username and password");
    pk_jaas_free(&jaas);
    return err;
}

static enum pk_err read_digest(struct pk_pacemaker_login *login, const char *file,
                               struct pk_config_error *error)
{
    struct pk_pacemaker_user user;
    enum pk_err err = pk_pacemaker_user_read(&user, file, error);
    if (err == PK_OK) {
        pk_digest_secret((uint8_t *)login->secret,
                         (struct pk_bytes){(const uint8_t *)user.text, (uint32_t)user.len});
        snprintf(login->name, sizeof login->name, "%.*s", (int)user.user, user.text);
    }
    explicit_bzero(&user, sizeof user);
    return err;
}

static enum pk_err read_section(struct pk_kerberos *k, const char *file, struct pk_config_error *error)
{
    struct pk_jaas jaas;
    const struct pk_jaas_section *section;
    if (pk_jaas_read(&jaas, file, error) != PK_OK)
        return PK_EINVAL;
    enum pk_err err = pk_jaas_section(&jaas, "PacemakerServer", &section, error);
    if (err == PK_OK)
        err = pk_kerberos_jaas(k, file, section, error);
    pk_jaas_free(&jaas);
    return err;
}

static enum pk_err read_kerberos(struct pk_kerberos *k, const struct pk_config *config,
                                 struct pk_config_error *error)
{
    enum pk_err err =
        pk_kerberos_keys(k, "pacemaker", config->pacemaker_keytab, config->pacemaker_principal, error);
    if (err == PK_OK && !pk_kerberos_complete(k) && config->jaas[0] != '\0')
        err = read_section(k, config->jaas, error);
    if (err != PK_OK)
        return err;
    if (!pk_kerberos_complete(k))
        return pk_config_fail(error, NULL, 0,
                              "pacemaker: auth: kerberos needs pacemaker.keytab and pacemaker.principal, or "
                              "jaas, a file with the section PacemakerServer (keyTab, principal)");
    bool both = (config->sasl_mechanisms & PK_SASL_GSSAPI) != 0;
    if (both && strcmp(config->sasl.kerberos.keytab, k->keytab) != 0)
        return pk_config_fail(error, NULL, 0,
                              "pacemaker: the keytab is %.150s, and that of sasl %.150s: a process has one; "
                              "put both principals into one file (ktutil)",
                              k->keytab, config->sasl.kerberos.keytab);
    return pk_kerberos_check(k, "pacemaker", error);
}

static const struct pk_config_mount *mount_of(const struct pk_config *config)
{
    int at = pk_config_find_mount(config, config->pacemaker_mount);
    return at >= 0 ? &config->mounts[at] : NULL;
}

enum pk_err pk_pacemaker_login_read(struct pk_config *config, struct pk_config_error *error)
{
    struct pk_pacemaker_login *login = &config->pacemaker_login;
    const struct pk_config_mount *mount = mount_of(config);
    if (config->npacemaker_listens == 0 || mount == NULL)
        return PK_OK;
    login->method = (enum core_login)(mount->auth_method >= 0 ? mount->auth_method : config->auth_method);
    if (login->method == PK_LOGIN_DIGEST)
        return read_digest(login, config->jaas, error);
    return login->method == PK_LOGIN_KERBEROS ? read_kerberos(&login->kerberos, config, error) : PK_OK;
}

bool pk_pacemaker_admits(void *owner, const char *name)
{
    char who[PK_VALUE_TEXT + 8];
    const struct pk_config_mount *mount = mount_of(owner);
    int n = snprintf(who, sizeof who, "sasl:%s", name);
    return mount != NULL && n < (int)sizeof who &&
           (pk_whos_has(&mount->readers, who) || pk_whos_has(&mount->writers, who));
}

const char *pk_pacemaker_password(void *login, const char *user)
{
    (void)user;
    return ((const struct pk_pacemaker_login *)login)->secret;
}
