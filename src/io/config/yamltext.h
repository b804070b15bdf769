/*
 * The bytes of a YAML file before libyaml sees them, and the words for what it finds wrong.
 */
#ifndef PK_IO_CONFIG_YAMLTEXT_H
#define PK_IO_CONFIG_YAMLTEXT_H

#include <yaml.h>

#include "io/config/readfile.h"

/* The first byte that is no UTF-8, or the length. */
size_t pk_text_bad(const struct pk_file *text);
/* Puts U+FFFD in the place of each byte that is no UTF-8. PK_ENOMEM leaves the text as it was. */
enum pk_err pk_text_replace(struct pk_file *text) PK_NODISCARD;
/* The line of a byte, counted from 1. */
size_t pk_text_line(const struct pk_file *text, size_t at);
/* What to write instead of that which libyaml cannot read, beginning with a colon; "" when there is no advice. */
const char *pk_text_advice(const struct pk_file *text, const yaml_parser_t *parser);

#endif
