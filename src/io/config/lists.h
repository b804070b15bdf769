/*
 * The keys of the configuration that hold lists, and sections in one line of text.
 *
 * A section is a mapping in the file and a prefix everywhere else: tls: {certificate: F} is the key tls.certificate.
 */
#ifndef PK_IO_CONFIG_LISTS_H
#define PK_IO_CONFIG_LISTS_H

#include "io/config/config.h"

struct pk_config_list {
    const char *name;
    size_t count;         /* offset in struct pk_config of the number of entries, a size_t */
    const char *expected; /* what an entry looks like */
    /* Adds what one text holds. PK_EINVAL with the reason in error. */
    enum pk_err (*add)(struct pk_config *config, const char *text, struct pk_config_error *error);
};

/* The list of that name, NULL when there is none. */
const struct pk_config_list *pk_config_list(const char *name);
/* The i-th list; NULL beyond the last. */
const struct pk_config_list *pk_config_list_at(size_t i);
/* Forgets what earlier sources gave. */
void pk_config_list_clear(struct pk_config *config, const struct pk_config_list *list);

/* True when keys or lists of that section exist. */
bool pk_config_is_section(const char *name);
/*
 * A section as a flag has it, ADDRESS,KEY=VALUE,...: an item without an equals sign is the section's listen, each other
 * one its key. Of a list that is given here, the first mention replaces what earlier sources gave. PK_EINVAL with the
 * reason in error.
 */
enum pk_err pk_config_section_text(struct pk_config *config, const char *section, const char *text,
                                   struct pk_config_error *error) PK_NODISCARD;

#endif
