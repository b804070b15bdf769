/*
 * The inside of a context, for the files of this folder.
 */
#ifndef PK_IO_TLS_SHARED_H
#define PK_IO_TLS_SHARED_H

#include <openssl/ssl.h>

#include "io/tls/context.h"

enum { PK_TLS_NAME = 256, PK_TLS_SESSIONS = 64 };

/* The newest session with a server, to be taken up again. */
struct pk_tls_known {
    char name[PK_TLS_NAME]; /* the server's, "" for a free place */
    SSL_SESSION *session;
};

struct pk_tls_context {
    SSL_CTX *ctx;
    BIO_METHOD *bio; /* how OpenSSL reaches the bytes of a connection (tls.c) */
    size_t refs;     /* who made it, and each connection */
    bool server;
    enum pk_tls_verify verify;
    struct pk_tls_known *known; /* PK_TLS_SESSIONS of them, without server; NULL before the first */
};

/* One more reference. */
static inline struct pk_tls_context *pk_tls_context_ref(struct pk_tls_context *context)
{
    context->refs++;
    return context;
}

#endif
