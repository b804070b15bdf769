/*
 * The configuration file.
 */
#ifndef PK_IO_CONFIG_FILE_H
#define PK_IO_CONFIG_FILE_H

#include "io/config/config.h"

/* Reads a configuration file (YAML). Lists in it replace what was there. */
enum pk_err pk_config_file(struct pk_config *config, const char *path,
                           struct pk_config_error *error) PK_NODISCARD;
/* Only which storm.yaml a configuration file names; empty when it names none. */
enum pk_err pk_config_file_storm(char out[PK_VALUE_TEXT], const char *path,
                                 struct pk_config_error *error) PK_NODISCARD;

#endif
