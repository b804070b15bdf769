/*
 * Frames in pieces. Happy path: the length word, room for what has arrived, the frame. Failure modes: a length that no
 * answer has; memory that is short; both end the connection.
 */
#include "io/instances/framing.h"

#include <stdlib.h>
#include <string.h>

#include "proto/jute.h"

enum { FIRST_ROOM = 1024 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Copies up to `want` bytes and moves on. */
static size_t move(uint8_t *to, size_t want, const uint8_t **p, size_t *n)
{
    size_t k = least(want, *n);
    if (k > 0)
        memcpy(to, *p, k);
    *p += k;
    *n -= k;
    return k;
}

/* Room for what is there now; it doubles, up to the frame's length. */
static int make_room(struct pk_framing *frame, size_t n)
{
    size_t wanted = least(frame->have + n, frame->len), room = frame->room > 0 ? frame->room : FIRST_ROOM;
    while (room < wanted)
        room *= 2;
    room = least(room, frame->len);
    if (room <= frame->room)
        return 0;
    uint8_t *bigger = realloc(frame->bytes, room);
    if (bigger == NULL)
        return -1;
    frame->bytes = bigger;
    frame->room = room;
    return 0;
}

enum pk_framing_part pk_framing_take(struct pk_framing *frame, const uint8_t **p, size_t *n)
{
    if (frame->nword < sizeof frame->word) {
        frame->nword += move(frame->word + frame->nword, sizeof frame->word - frame->nword, p, n);
        if (frame->nword < sizeof frame->word)
            return PK_FRAMING_MORE;
        frame->len = pk_load32(frame->word);
        if (frame->len > PK_FRAMING_MAX)
            return PK_FRAMING_BAD;
    }
    if (make_room(frame, *n) != 0)
        return PK_FRAMING_MEMORY;
    if (frame->have < frame->len)
        frame->have += move(frame->bytes + frame->have, frame->len - frame->have, p, n);
    return frame->have == frame->len ? PK_FRAMING_WHOLE : PK_FRAMING_MORE;
}

void pk_framing_clear(struct pk_framing *frame)
{
    free(frame->bytes);
    *frame = (struct pk_framing){0};
}
