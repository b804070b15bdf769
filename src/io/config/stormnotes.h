/*
 * What Storm's configuration says between the lines.
 */
#ifndef PK_IO_CONFIG_STORMNOTES_H
#define PK_IO_CONFIG_STORMNOTES_H

struct pk_config;
struct pk_yaml;

/* Notes the settings of Storm with which less is held than one would expect, or nothing works. */
void pk_storm_notes(struct pk_yaml *yaml, struct pk_config *config);

#endif
