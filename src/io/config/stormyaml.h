/*
 * Storm's own configuration, as far as it says something about ZooKeeper.
 */
#ifndef PK_IO_CONFIG_STORMYAML_H
#define PK_IO_CONFIG_STORMYAML_H

#include "io/config/yamldoc.h"

/* Notes the settings of Storm with which less is held than one would expect, or nothing works (stormnotes.c). */
void pk_storm_notes(struct pk_yaml *yaml, struct pk_config *config);

#endif
