/*
 * How OpenSSL reaches the bytes of a connection: it reads what the call under way has, where it lies, and what it
 * writes grows a buffer.
 */
#ifndef PK_IO_TLS_BIO_H
#define PK_IO_TLS_BIO_H

#include <openssl/ssl.h>
#include <stdint.h>

/* Behind a BIO of the method below, as its data. */
struct pk_tls_wire {
    const uint8_t *in; /* of the call that is under way, */
    size_t in_len;     /* what of it has not been read */
    uint8_t *out;      /* out_len bytes to be sent, of malloc(3) */
    size_t out_len, out_room;
};

/* A method for BIOs, to be given to BIO_meth_free; NULL: memory is short. */
BIO_METHOD *pk_tls_bio_method(void);

#endif
