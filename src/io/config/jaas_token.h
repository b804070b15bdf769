/*
 * The words of a JAAS file: java.io.StreamTokenizer as ConfigFile sets it up.
 */
#ifndef PK_IO_CONFIG_JAAS_TOKEN_H
#define PK_IO_CONFIG_JAAS_TOKEN_H

#include <stdint.h>

#include "io/config/error.h"

enum pk_jaas_token {
    PK_JAAS_END,
    PK_JAAS_WORD, /* bare or in double quotes: its characters are at word */
    PK_JAAS_CHAR, /* any other character, in c */
};

struct pk_jaas_tokens {
    const char *file;
    const uint8_t *p, *end;
    char *out;        /* where words are decoded to: one byte for each of the input, and one more */
    size_t line;      /* of the newest token */
    size_t next_line; /* behind it */
    enum pk_jaas_token kind;
    const char *word;
    uint32_t c;
};

/* Takes the next token. PK_EINVAL with file, line and reason in error. */
enum pk_err pk_jaas_next(struct pk_jaas_tokens *t, struct pk_config_error *error) PK_NODISCARD;

#endif
