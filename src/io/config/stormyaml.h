/*
 * Storm's own configuration, as far as it says something about ZooKeeper.
 */
#ifndef PK_IO_CONFIG_STORMYAML_H
#define PK_IO_CONFIG_STORMYAML_H

#include "io/config/config.h"

/* Takes servers, port and root from a storm.yaml; replaces servers and mounts (heartbeats and supervisors). */
enum pk_err pk_config_storm(struct pk_config *config, const char *path,
                            struct pk_config_error *error) PK_NODISCARD;

#endif
