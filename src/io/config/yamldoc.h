/*
 * A YAML file as libyaml's document, for readers that report file and line.
 */
#ifndef PK_IO_CONFIG_YAMLDOC_H
#define PK_IO_CONFIG_YAMLDOC_H

#include <yaml.h>

#include "io/config/config.h"

struct pk_yaml {
    const char *file; /* borrowed: the name for messages */
    yaml_document_t document;
    yaml_node_t *root; /* a mapping, or NULL when the file is empty */
};

/* Loads the first document of a file. On PK_EINVAL error says why; nothing is to be freed then. */
enum pk_err pk_yaml_load(struct pk_yaml *yaml, const char *file, struct pk_config_error *error) PK_NODISCARD;
void pk_yaml_free(struct pk_yaml *yaml);

/* The node of an item or pair. */
yaml_node_t *pk_yaml_node(struct pk_yaml *yaml, int index);
/* The line where a node begins, counted from 1. */
size_t pk_yaml_line(const yaml_node_t *node);
/* The text of a scalar, NULL when the node is none or holds a zero byte. */
const char *pk_yaml_text(const yaml_node_t *node);

/*
 * Refuses keys of a mapping that are no scalars or occur twice. what names the thing for the message ("key").
 */
enum pk_err pk_yaml_unique(struct pk_yaml *yaml, const yaml_node_t *mapping,
                           struct pk_config_error *error) PK_NODISCARD;

#endif
