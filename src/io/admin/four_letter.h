/*
 * Four-letter words, answered as ZooKeeper 3.8 does: same labels in the same order, so that what parses a
 * server parses us.
 */
#ifndef PK_IO_ADMIN_FOUR_LETTER_H
#define PK_IO_ADMIN_FOUR_LETTER_H

#include <stddef.h>

struct pk_admin;

/* The whole answer; *len bytes that the caller frees. NULL with *len == 0 for an unknown word or without
 * memory. */
char *pk_four_letter_answer(const struct pk_admin *admin, const char *word, size_t *len);

#endif
