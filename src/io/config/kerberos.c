/*
 * Keytab and principal. Happy path: keys first, then the JAAS section. Failure modes: a principal of another form than
 * SERVICE/HOST@REALM, a keytab that is not there, or that others can read.
 */
#include "io/config/kerberos.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/config/readfile.h"

enum pk_err pk_kerberos_keys(struct pk_kerberos *k, const char *section, const char *keytab,
                             const char *principal, struct pk_config_error *error)
{
    snprintf(k->keytab, sizeof k->keytab, "%s", keytab);
    if (principal[0] == '\0' || pk_principal_read(&k->principal, principal) == PK_OK)
        return PK_OK;
    return pk_config_fail(error, NULL, 0, "%s.principal: expected the form service/host@REALM", section);
}

enum pk_err pk_kerberos_jaas(struct pk_kerberos *k, const char *file, const struct pk_jaas_section *section,
                             struct pk_config_error *error)
{
    const struct pk_jaas_module *m = pk_jaas_module_with(section, "keyTab");
    if (k->keytab[0] == '\0' && m != NULL)
        snprintf(k->keytab, sizeof k->keytab, "%s", pk_jaas_option(m, "keyTab"));
    m = pk_jaas_module_with(section, "principal");
    if (k->principal.service[0] != '\0' || m == NULL)
        return PK_OK;
    if (pk_principal_read(&k->principal, pk_jaas_option(m, "principal")) == PK_OK)
        return PK_OK;
    return pk_config_fail(error, file, m->line, "principal: expected the form service/host@REALM");
}

enum pk_err pk_kerberos_check(const struct pk_kerberos *k, const char *section, struct pk_config_error *error)
{
    int fd = open(k->keytab, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return pk_config_fail(error, NULL, 0, "%s.keytab: %.200s: %s", section, k->keytab, strerror(errno));
    enum pk_err err = pk_file_check_secret(fd, k->keytab, error);
    close(fd);
    return err;
}
