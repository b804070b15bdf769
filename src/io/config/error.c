/*
 * What is wrong with a configuration, and where.
 */
#include "io/config/error.h"

#include <stdarg.h>
#include <stdio.h>

enum pk_err pk_config_fail(struct pk_config_error *error, const char *file, size_t line, const char *format,
                           ...)
{
    size_t n = 0;
    if (file != NULL && line > 0)
        n = (size_t)snprintf(error->text, sizeof error->text, "%.200s:%zu: ", file, line);
    else if (file != NULL)
        n = (size_t)snprintf(error->text, sizeof error->text, "%.200s: ", file);
    va_list args;
    va_start(args, format);
    vsnprintf(error->text + n, sizeof error->text - n, format, args);
    va_end(args);
    return PK_EINVAL;
}

enum pk_err pk_config_under(struct pk_config_error *error, const char *file, size_t line, const char *key)
{
    struct pk_config_error inner = *error;
    return pk_config_fail(error, file, line, "%.80s: %s", key, inner.text);
}

enum pk_err pk_config_unknown(struct pk_config_error *error, const char *file, size_t line, const char *what,
                              const char *key, const char *near)
{
    if (near != NULL)
        return pk_config_fail(error, file, line, "unknown %s %.80s; is %s meant?", what, key, near);
    return pk_config_fail(error, file, line, "unknown %s %.80s", what, key);
}
