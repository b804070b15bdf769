/*
 * TLS as little as it can be: OpenSSL between two memory BIOs, with its own defaults.
 */
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>

/* NULL, and why on stderr, when the files are no certificate and its key. */
static inline SSL_CTX *bench_tls_context(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context != NULL && SSL_CTX_use_certificate_chain_file(context, certificate) == 1 &&
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1)
        return context;
    ERR_print_errors_fp(stderr);
    SSL_CTX_free(context);
    return NULL;
}

/* A connection that waits for its handshake; NULL: memory is short. */
static inline SSL *bench_tls_new(SSL_CTX *context)
{
    SSL *tls = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (tls == NULL || in == NULL || out == NULL) {
        BIO_free(in);
        BIO_free(out);
        SSL_free(tls);
        return NULL;
    }
    SSL_set_bio(tls, in, out);
    SSL_set_accept_state(tls);
    return tls;
}

/* Bytes of the network. */
static inline bool bench_tls_feed(SSL *tls, const char *bytes, size_t n)
{
    return BIO_write(SSL_get_rbio(tls), bytes, (int)n) == (int)n;
}

/* What they decrypt to: so many bytes, 0 when more of the network is needed, -1 at the end. */
static inline int bench_tls_read(SSL *tls, char *plain, size_t room)
{
    ERR_clear_error();
    int got = SSL_read(tls, plain, (int)room);
    if (got > 0)
        return got;
    return SSL_get_error(tls, got) == SSL_ERROR_WANT_READ ? 0 : -1;
}

#endif
