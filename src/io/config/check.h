/*
 * The configuration as a whole.
 */
#ifndef PK_IO_CONFIG_CHECK_H
#define PK_IO_CONFIG_CHECK_H

#include "io/config/config.h"

/*
 * What only the whole can tell: servers are named, the marker lies outside the mounts, the state file has a folder, a
 * group all that it needs.
 * Notes what a mount of Storm's leaves out.
 */
enum pk_err pk_config_check(struct pk_config *config, struct pk_config_error *error) PK_NODISCARD;

#endif
