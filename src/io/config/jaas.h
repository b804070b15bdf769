/*
 * A JAAS login configuration, as com.sun.security.auth / sun.security.provider.ConfigFile reads it:
 *
 *   Server {
 *       org.apache.zookeeper.server.auth.DigestLoginModule required
 *       user_nimbus="secret";
 *   };
 *
 * Comments are //, C's, and what follows a lone slash; strings stand in double quotes, with Java's escapes; a bare word
 * begins with a letter, $, _ or *. Of an option that is given twice the last one counts. What Java reads only by luck
 * (a string without its end) and what needs a JVM (${property}, where the section is asked for) is an error here.
 * It holds secrets: nobody but its owner may read the file, nothing here shows a value, freeing wipes.
 */
#ifndef PK_IO_CONFIG_JAAS_H
#define PK_IO_CONFIG_JAAS_H

#include <stdint.h>

#include "io/config/error.h"

enum pk_jaas_flag {
    PK_JAAS_REQUIRED,
    PK_JAAS_REQUISITE,
    PK_JAAS_SUFFICIENT,
    PK_JAAS_OPTIONAL,
    PK_JAAS_FLAGS
};

struct pk_jaas_option {
    const char *name, *value;
    size_t line;
};

struct pk_jaas_module {
    const char *class_name; /* as it stands: never loaded */
    enum pk_jaas_flag flag;
    size_t line;
    struct pk_jaas_option *options;
    size_t noptions;
};

struct pk_jaas_section {
    const char *name; /* an exact name, case counts */
    size_t line;
    struct pk_jaas_module *modules;
    size_t nmodules;
};

struct pk_jaas {
    char *file; /* for messages */
    char *text; /* every string, decoded */
    size_t text_len;
    struct pk_jaas_section *sections;
    size_t nsections;
};

/* Reads a file; 0 or more sections, to be freed with pk_jaas_free. PK_EINVAL with file, line and reason in error, and
 * nothing to be freed. */
enum pk_err pk_jaas_read(struct pk_jaas *jaas, const char *file, struct pk_config_error *error) PK_NODISCARD;
/* The same from memory; file is a name for messages. */
enum pk_err pk_jaas_parse(struct pk_jaas *jaas, const char *file, const uint8_t *bytes, size_t len,
                          struct pk_config_error *error) PK_NODISCARD;
/* Wipes and frees. */
void pk_jaas_free(struct pk_jaas *jaas);

/* The section of that name, for what is to be used of it. PK_EINVAL with the reason in error: there is none, it has no
 * module, or a value of it needs a JVM. */
enum pk_err pk_jaas_section(const struct pk_jaas *jaas, const char *name, const struct pk_jaas_section **out,
                            struct pk_config_error *error) PK_NODISCARD;
/* The value of an option; NULL when it is not given. */
const char *pk_jaas_option(const struct pk_jaas_module *module, const char *name);
/* The first module that has the option; NULL: none has. */
const struct pk_jaas_module *pk_jaas_module_with(const struct pk_jaas_section *section, const char *option);

#endif
