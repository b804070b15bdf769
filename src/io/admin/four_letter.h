/*
 * Four-letter words, answered as ZooKeeper 3.8 does: same labels in the same order, so that what parses a
 * server parses us.
 */
#ifndef PK_IO_ADMIN_FOUR_LETTER_H
#define PK_IO_ADMIN_FOUR_LETTER_H

#include <stddef.h>

struct pk_io;
struct pk_text;

/* The whole answer; *len bytes that the caller frees. NULL with *len == 0 for an unknown word or without
 * memory. */
char *pk_four_letter_answer(struct pk_io *io, const char *word, size_t *len);

/* The version that we show: the ensemble's with our own behind it. */
void pk_four_letter_version(const struct pk_io *io, char *out, size_t size);

/* mntr (four_letter_mntr.c), cons and the list of stat (four_letter_cons.c). */
void pk_four_letter_mntr(struct pk_io *io, struct pk_text *out);
void pk_four_letter_cons(struct pk_io *io, struct pk_text *out);
void pk_four_letter_clients(struct pk_io *io, struct pk_text *out);

#endif
