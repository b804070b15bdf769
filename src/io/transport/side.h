/*
 * One TCP connection, plain or TLS: the client's or the uplink's of a pair, or one of our own to a server.
 *
 *   NONE ──► CONNECTING ──► (OPENING) ──► OPEN ──► (ENDED) ──► CLOSING ──► NONE         (a client's begins later)
 *
 * Output is written at once; what the kernel does not take is the core's until the next update, whose bytes
 * stay where they are and go to an asynchronous write. A side that cannot be written to any more swallows its
 * output until reading tells the end, so that a peer's last words are still heard.
 *
 * With TLS the same holds of plain bytes: they are sent when the kernel has all that they became. What is encrypted and
 * not taken is the asynchronous write's, until that has ended.
 */
#ifndef PK_IO_TRANSPORT_SIDE_H
#define PK_IO_TRANSPORT_SIDE_H

#include <uv.h>

#include "io/loop/loop.h"
#include "io/tls/tls.h"

/* What is spoken below the protocol. */
enum pk_transport { PK_TRANSPORT_PLAIN, PK_TRANSPORT_TLS };

enum pk_side_state {
    PK_SIDE_NONE,
    PK_SIDE_CONNECTING,
    PK_SIDE_OPENING, /* what comes before the first byte of the protocol: a PROXY header, the handshake of TLS */
    PK_SIDE_OPEN,
    PK_SIDE_ENDED, /* reading met the end */
    PK_SIDE_CLOSING,
};

enum pk_output {
    PK_OUTPUT_FREE,
    PK_OUTPUT_CUT,     /* the kernel took a part: the next output stays where it is until it is sent */
    PK_OUTPUT_WRITING, /* an asynchronous write is under way */
    PK_OUTPUT_BROKEN,  /* writing failed; output is thrown away */
};

struct pk_side {
    struct pk_tls *tls; /* NULL: plain */
    uint8_t state;      /* enum pk_side_state */
    uint8_t output;     /* enum pk_output */
    bool reading;
    uv_tcp_t tcp;
    struct pk_side_request *request; /* while it connects or an asynchronous write is under way, else NULL */
};

/*
 * Makes the handle of a side that is NONE, for CONNECTING, OPENING or OPEN; owner is what callbacks find in the handle.
 */
void pk_side_begin(struct pk_side *side, uv_loop_t *loop, void *owner, enum pk_side_state state);
/* Connects a side that is CONNECTING; connected is called later. Returns 0, or a libuv error with which it is not. */
int pk_side_connect(struct pk_side *side, const struct sockaddr *to, uv_connect_cb connected);
/* What to do first in that callback. */
void pk_side_tried(struct pk_side *side);
/*
 * Has the side, which is connected, speak TLS from here on; it is OPENING until pk_side_received says otherwise. name
 * is the server's, NULL for a client. False when memory is short: close it.
 */
bool pk_side_secure(struct pk_side *side, struct pk_tls_context *context, const char *name,
                    uv_write_cb written);
/* The first byte of the protocol may be sent: a connect has succeeded, or what comes before it is through. */
void pk_side_opened(struct pk_side *side);
/* The same of a side that is OPENING, over TLS whose handshake is done; the side's from here on. NULL: it is plain. */
void pk_side_opened_over(struct pk_side *side, struct pk_tls *tls);
/* It is connected, and what comes before the protocol follows, other than TLS. */
void pk_side_opening(struct pk_side *side);
/* Says some bytes of that at once, over TLS when its handshake is done. False when not all of them leave: close it. */
bool pk_side_say(struct pk_side *side, const void *bytes, size_t len);
/* Reading has met the end: close it next. */
void pk_side_ended(struct pk_side *side);
/* Closes the side if it is there; closed is called later. Throws away what was not read, so that no reset follows. */
void pk_side_close(struct pk_side *side, uv_close_cb closed);
/* What to do first in that callback. */
void pk_side_closed(struct pk_side *side);

/*
 * Where the bytes of a read go: nowhere when a handshake has to wait, so that many of them at once leave time for
 * others. libuv then reports UV_ENOBUFS, which is nothing, and comes back in the next round of the loop.
 */
uv_buf_t pk_side_room(const struct pk_side *side, struct pk_loop *loop);

/* What came of bytes that were read. */
struct pk_received {
    const uint8_t *bytes; /* the peer's own, */
    size_t n;             /* so many, */
    bool opened;          /* of which the first could be sent now: the handshake is done */
    bool ended;           /* nothing follows them */
    const char *why;      /* with ended: what was wrong, NULL for the usual end */
};

/*
 * n bytes at p were read, PK_READ_BUFFER at most, or the end when n is below zero. What they decrypt to lies in
 * loop->plain. written is called when an asynchronous write ends that this begins.
 */
struct pk_received pk_side_received(struct pk_side *side, struct pk_loop *loop, ssize_t n, const char *p,
                                    uv_write_cb written);

/*
 * Writes output of an update. Returns how many bytes are to be reported as sent, or -1 when nothing is to be
 * reported now because a write is under way; written is called when that ends.
 */
int64_t pk_side_write(struct pk_side *side, const struct pk_iov *iov, int n, uv_write_cb written);
/* Writes bytes that stay where they are until written is called. False when that cannot be. */
bool pk_side_write_all(struct pk_side *side, char *bytes, size_t len, uv_write_cb written);
/* What to do first in the callback of an asynchronous write: returns the bytes to report, -1 for none. */
int64_t pk_side_written(struct pk_side *side, int status);
/* Starts or stops reading, where that changes anything. */
void pk_side_turn(struct pk_side *side, bool want, uv_alloc_cb alloc, uv_read_cb read);
static inline void pk_side_read(struct pk_side *side, bool want, uv_alloc_cb alloc, uv_read_cb read)
{
    if (side->state == PK_SIDE_OPEN && side->reading != want)
        pk_side_turn(side, want, alloc, read);
}
/* Reads what comes before the protocol. False when that cannot be. */
bool pk_side_listen(struct pk_side *side, uv_alloc_cb alloc, uv_read_cb read);

#endif
