/*
 * Who we are to clients of Kerberos: a keytab and a principal of it. Keys of the configuration say it, and what they
 * leave out the options of Krb5LoginModule in a section of a JAAS file, as Java's servers have it.
 */
#ifndef PK_IO_CONFIG_KERBEROS_H
#define PK_IO_CONFIG_KERBEROS_H

#include "io/config/jaas.h"
#include "io/config/value.h"
#include "io/sasl/principal.h"

/* Empty text: not given. */
struct pk_kerberos {
    char keytab[PK_VALUE_TEXT];
    struct pk_principal principal;
};

/* Takes the keys SECTION.keytab and SECTION.principal; empty text for none. PK_EINVAL. */
enum pk_err pk_kerberos_keys(struct pk_kerberos *k, const char *section, const char *keytab,
                             const char *principal, struct pk_config_error *error) PK_NODISCARD;
/* Takes keyTab and principal of a JAAS section of that file where no key has said it. PK_EINVAL. */
enum pk_err pk_kerberos_jaas(struct pk_kerberos *k, const char *file, const struct pk_jaas_section *section,
                             struct pk_config_error *error) PK_NODISCARD;
static inline bool pk_kerberos_complete(const struct pk_kerberos *k)
{
    return k->keytab[0] != '\0' && k->principal.service[0] != '\0';
}
/* Whether the keytab can be read, by its owner alone. PK_EINVAL, with SECTION.keytab in front of the reason. */
enum pk_err pk_kerberos_check(const struct pk_kerberos *k, const char *section,
                              struct pk_config_error *error) PK_NODISCARD;

#endif
