/*
 * What the sections tls, upstream-tls and group-tls name: read when the configuration is, so that a mistake in a file
 * is a mistake of the configuration.
 */
#ifndef PK_IO_CONFIG_TLSFILES_H
#define PK_IO_CONFIG_TLSFILES_H

#include "io/config/config.h"

/*
 * Sets tls, upstream_tls, group_tls and group_tls_calls, NULL where TLS is not configured. PK_EINVAL with the reason in
 * error.
 */
enum pk_err pk_tlsfiles_read(struct pk_config *config, struct pk_config_error *error) PK_NODISCARD;
/* Gives them up. */
void pk_tlsfiles_drop(struct pk_config *config);
/* Moves them from a configuration that was read again; true when there was something to move. */
bool pk_tlsfiles_take(struct pk_config *config, struct pk_config *again);

#endif
