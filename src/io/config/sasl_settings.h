/*
 * What the section sasl comes to: the users of DIGEST-MD5, and who we are to Kerberos. The keys of the section say it,
 * and what they leave out the section Server of the JAAS file, as ZooKeeper's servers have it.
 */
#ifndef PK_IO_CONFIG_SASL_SETTINGS_H
#define PK_IO_CONFIG_SASL_SETTINGS_H

#include "base/err.h"
#include "io/config/kerberos.h"
#include "io/config/users.h"

struct pk_config_error;

/* The keys; empty text for none. */
struct pk_sasl_wanted {
    unsigned mechanisms; /* enum pk_sasl_mechanism, or-ed */
    const char *jaas, *keytab, *principal;
};

struct pk_sasl_settings {
    struct pk_users users;
    struct pk_kerberos kerberos;
};

/* Fills settings from keys and JAAS file; free them with pk_sasl_settings_free, also on failure. PK_EINVAL. */
enum pk_err pk_sasl_settings_read(struct pk_sasl_settings *settings, const struct pk_sasl_wanted *wanted,
                                  struct pk_config_error *error) PK_NODISCARD;
void pk_sasl_settings_free(struct pk_sasl_settings *settings);

#endif
