/*
 * A YAML file as libyaml's document, for readers that report file and line.
 */
#ifndef PK_IO_CONFIG_YAMLDOC_H
#define PK_IO_CONFIG_YAMLDOC_H

#include <yaml.h>

#include "io/config/error.h"

struct pk_yaml {
    const char *file; /* borrowed: the name for messages */
    yaml_document_t document;
    yaml_node_t *root; /* a mapping, or NULL when the file is empty */
};

/* What bytes that are not UTF-8 are: a mistake, or, as for Java, a replacement character each. */
enum pk_yaml_bytes { PK_YAML_UTF8, PK_YAML_ANY };

/* Loads the only document of a file. On PK_EINVAL error says why; nothing is to be freed then. */
enum pk_err pk_yaml_load(struct pk_yaml *yaml, const char *file, enum pk_yaml_bytes bytes,
                         struct pk_config_error *error) PK_NODISCARD;
void pk_yaml_free(struct pk_yaml *yaml);

/* The node of an item or pair. */
yaml_node_t *pk_yaml_node(struct pk_yaml *yaml, int index);
/* The line where a node begins, counted from 1. */
size_t pk_yaml_line(const yaml_node_t *node);
/* The text of a scalar, NULL when the node is none or holds a zero byte. */
const char *pk_yaml_text(const yaml_node_t *node);

/* Refuses keys of a mapping that are no scalars or occur twice. */
enum pk_err pk_yaml_unique(struct pk_yaml *yaml, const yaml_node_t *mapping,
                           struct pk_config_error *error) PK_NODISCARD;
/*
 * The value of a key of the root, NULL when it has none. Of several the last; *twice, where it is asked for, is then
 * the key's node, else NULL.
 */
yaml_node_t *pk_yaml_find(struct pk_yaml *yaml, const char *key, const yaml_node_t **twice);

#endif
