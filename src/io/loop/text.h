/*
 * Text that grows, for answers put together line by line.
 */
#ifndef PK_IO_LOOP_TEXT_H
#define PK_IO_LOOP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct pk_text {
    char *p;
    size_t len, cap;
    bool failed; /* out of memory: what was added since is missing */
};

/* Appends; p is the owner's to free(3). */
void pk_text_add(struct pk_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
