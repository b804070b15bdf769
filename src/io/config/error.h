/*
 * A mistake in the configuration, in one line for a person.
 */
#ifndef PK_IO_CONFIG_ERROR_H
#define PK_IO_CONFIG_ERROR_H

#include <stddef.h>

#include "base/err.h"

struct pk_config_error {
    char text[512];
};

/* Puts FILE:LINE: (file may be NULL, line 0) and a message into error; returns PK_EINVAL. */
enum pk_err pk_config_fail(struct pk_config_error *error, const char *file, size_t line, const char *format,
                           ...) __attribute__((format(printf, 4, 5))) PK_NODISCARD;
/* Puts FILE:LINE: and a key, at most 80 bytes of it, before what another function has said in error. */
enum pk_err pk_config_under(struct pk_config_error *error, const char *file, size_t line,
                            const char *key) PK_NODISCARD;
/* There is no such key; what: of what kind; near: the one that was probably meant, NULL for none. */
enum pk_err pk_config_unknown(struct pk_config_error *error, const char *file, size_t line, const char *what,
                              const char *key, const char *near) PK_NODISCARD;

#endif
