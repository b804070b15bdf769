/*
 * Credentials of service sessions (key auth-file): lines SCHEME:SECRET, for instance digest:user:password.
 *
 * They stand in a file of their own because a command line and a configuration are seen by many; nothing here ever
 * shows a secret.
 */
#ifndef PK_IO_CONFIG_AUTH_H
#define PK_IO_CONFIG_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/core.h"

enum { PK_MAX_AUTHS = 8, PK_AUTH_SCHEME = 32, PK_AUTH_SECRET = 480 };

struct pk_auth_entry {
    char scheme[PK_AUTH_SCHEME];
    uint8_t secret[PK_AUTH_SECRET];
    size_t len;
};

struct pk_auth {
    struct pk_auth_entry entries[PK_MAX_AUTHS];
    size_t n;
};

struct pk_config_error;

/*
 * Where auth-file is: a path as it stands; a name without a slash among the credentials of systemd (LoadCredential).
 * False when there are none.
 */
bool pk_auth_path(char *out, size_t size, const char *name) PK_NODISCARD;
/* Reads a file; empty lines and lines that begin with # are passed over. PK_EINVAL with file, line and reason. */
enum pk_err pk_auth_read(struct pk_auth *auth, const char *file, struct pk_config_error *error) PK_NODISCARD;
/* The core's view; entries point into auth. Returns how many there are. */
size_t pk_auth_view(const struct pk_auth *auth, struct core_auth out[PK_MAX_AUTHS]);
bool pk_auth_same(const struct pk_auth *a, const struct pk_auth *b);

#endif
