/*
 * Names that were mistyped.
 */
#ifndef PK_IO_CONFIG_NEAREST_H
#define PK_IO_CONFIG_NEAREST_H

#include <stddef.h>

/* The name among n that text was probably meant to be, or NULL when none is near. */
const char *pk_config_nearest(const char *text, const char *const *names, size_t n);

#endif
