/*
 * Frames of a stream that arrive in pieces: a length word, then so many bytes.
 */
#ifndef PK_IO_INSTANCES_FRAMING_H
#define PK_IO_INSTANCES_FRAMING_H

#include <stddef.h>
#include <stdint.h>

enum { PK_FRAMING_MAX = 4 << 20 };

/* Zero is an empty one. */
struct pk_framing {
    uint8_t *bytes; /* len of them, when it is whole */
    size_t len;
    size_t have, room; /* of bytes, so far */
    uint8_t word[4];   /* the length word */
    size_t nword;
};

enum pk_framing_part {
    PK_FRAMING_MORE,   /* all was taken, and it is not whole yet */
    PK_FRAMING_WHOLE,  /* it is; what is left belongs to the next */
    PK_FRAMING_BAD,    /* its length is below zero or above PK_FRAMING_MAX */
    PK_FRAMING_MEMORY, /* memory is short */
};

/* Moves bytes of p[0..n) into the frame. A length that is only promised takes no memory. */
enum pk_framing_part pk_framing_take(struct pk_framing *frame, const uint8_t **p, size_t *n);
/* Empties it, for the next. */
void pk_framing_clear(struct pk_framing *frame);

#endif
