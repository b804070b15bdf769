/*
 * The section group: this process is one of several that share a memory.
 */
#ifndef PK_IO_CONFIG_GROUP_H
#define PK_IO_CONFIG_GROUP_H

#include <stdbool.h>

#include "io/config/error.h"
#include "io/config/hostport.h"
#include "proto/jute.h"

struct pk_config;

/* True when there is a group. */
bool pk_group_configured(const struct pk_config *config);
/* Whether the section has all that a group needs, and notes what is of no use in one. PK_EINVAL with the reason. */
enum pk_err pk_group_check(struct pk_config *config, struct pk_config_error *error) PK_NODISCARD;
/* What members prove to have; borrowed. */
struct pk_bytes pk_group_key(const struct pk_config *config);
/* Where its members reach this one; false without a group. */
bool pk_group_address(const struct pk_config *config, struct pk_hostport *out);

#endif
