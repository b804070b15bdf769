/*
 * Sets of four-letter words (words.def), as in ZooKeeper's whitelist: a bit each.
 */
#ifndef PK_IO_CONFIG_WORDS_H
#define PK_IO_CONFIG_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The word's bit; 0 for a word that is never answered. */
int64_t pk_words_bit(const char *word);
/* Reads "srvr, ruok", "*" for all, or "none". PK_EINVAL with what was expected in *why. */
enum pk_err pk_words_parse(int64_t *out, const char *text, const char **why) PK_NODISCARD;
/* Writes a set as it may be read; size must have room for all names with ", " between. */
void pk_words_show(int64_t set, char *out, size_t size);

#endif
