/*
 * Values of the configuration as text: read, checked against their bounds, and shown the way they are written.
 */
#ifndef PK_IO_CONFIG_VALUE_H
#define PK_IO_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum pk_type {
#define X(type, kind, parse, show) PK_TYPE_##type,
#include "io/config/value.def"
#undef X
};

enum { PK_VALUE_TEXT = 512 };

/* How a value of each type is kept. */
#define PK_KEEP_COUNT(field)       int64_t field;
#define PK_KEEP_BYTES(field)       int64_t field;
#define PK_KEEP_TIME(field)        int64_t field;
#define PK_KEEP_PERIOD(field)      int64_t field;
#define PK_KEEP_LEVEL(field)       int64_t field;
#define PK_KEEP_FORMAT(field)      int64_t field;
#define PK_KEEP_SWITCH(field)      int64_t field;
#define PK_KEEP_WATCHED(field)     int64_t field;
#define PK_KEEP_TLS_CLIENT(field)  int64_t field;
#define PK_KEEP_TLS_VERSION(field) int64_t field;
#define PK_KEEP_TLS_VERIFY(field)  int64_t field;
#define PK_KEEP_WORDS(field)       int64_t field;
#define PK_KEEP_MECHANISMS(field)  int64_t field;
#define PK_KEEP_PRINCIPAL(field)   char field[PK_VALUE_TEXT];
#define PK_KEEP_FILE(field)        char field[PK_VALUE_TEXT];
#define PK_KEEP_ZNODE(field)       char field[PK_VALUE_TEXT];
#define PK_KEEP_ADDRESS(field)     char field[PK_VALUE_TEXT];
#define PK_KEEP_GROUP(field)       char field[PK_VALUE_TEXT];
#define PK_KEEP_METHOD(field)      int64_t field;
#define PK_KEEP_EXISTS(field)      int64_t field;
#define PK_KEEP_NAME(field)        char field[PK_VALUE_TEXT];

struct pk_bounds {
    int64_t min, max;
};

struct pk_value_error {
    char text[256];
};

/* Reads text into *out (what PK_KEEP_... declares). On PK_EINVAL nothing is changed and error says why. */
enum pk_err pk_value_parse(enum pk_type type, struct pk_bounds bounds, void *out, const char *text,
                           struct pk_value_error *error) PK_NODISCARD;
/* Writes a value as it would stand in the file. Returns out. */
const char *pk_value_show(enum pk_type type, const void *value, char out[PK_VALUE_TEXT]);
/* True when both are the same. */
bool pk_value_same(enum pk_type type, const void *a, const void *b);
/* Copies a value. */
void pk_value_copy(enum pk_type type, void *to, const void *from);

#endif
