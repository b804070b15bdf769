/*
 * The BIO of our connections. Happy path: bytes are copied once, into and out of OpenSSL's records, and an idle
 * connection has no buffer. Failure modes: nothing left to read, which OpenSSL is told to wait for; memory that is
 * short.
 */
#include "io/tls/bio.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 512 };

static int bio_read(BIO *bio, char *to, size_t room, size_t *n)
{
    struct pk_tls_wire *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *n = room < w->in_len ? room : w->in_len;
    if (*n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(to, w->in, *n);
    w->in += *n;
    w->in_len -= *n;
    return 1;
}

static bool grow(struct pk_tls_wire *w, size_t n)
{
    size_t room = w->out_room > 0 ? w->out_room : FIRST_ROOM;
    while (room - w->out_len < n)
        room *= 2;
    if (room == w->out_room)
        return true;
    uint8_t *grown = realloc(w->out, room);
    if (grown == NULL)
        return false;
    w->out = grown;
    w->out_room = room;
    return true;
}

static int bio_write(BIO *bio, const char *from, size_t len, size_t *n)
{
    struct pk_tls_wire *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *n = 0;
    if (!grow(w, len))
        return 0;
    memcpy(w->out + w->out_len, from, len);
    w->out_len += len;
    *n = len;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *more)
{
    (void)bio;
    (void)number;
    (void)more;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *pk_tls_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "pacekeeper");
    if (method == NULL)
        return NULL;
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
    return method;
}
