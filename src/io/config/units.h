/*
 * Numbers with units as people write them: 64KiB, 500ms.
 */
#ifndef PK_IO_CONFIG_UNITS_H
#define PK_IO_CONFIG_UNITS_H

#include <stdint.h>

#include "base/err.h"

/* Bytes: a number, alone or with B, KiB, MiB or GiB. *why says what is wrong. */
enum pk_err pk_units_bytes(int64_t *out, const char *text, const char **why) PK_NODISCARD;
/* Milliseconds: a number with ms, s, min or h; 0 needs no unit. */
enum pk_err pk_units_time(int64_t *out, const char *text, const char **why) PK_NODISCARD;
/* A plain number. */
enum pk_err pk_units_count(int64_t *out, const char *text, const char **why) PK_NODISCARD;

#endif
