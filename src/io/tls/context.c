/*
 * Contexts. Happy path: certificate, key and authorities are read, OpenSSL compares the first two, and the context has
 * what is reasonable today: TLS 1.2 and 1.3, ciphers with forward secrecy, no renegotiation, buffers that an idle
 * connection gives back. Failure modes: a file that is missing, malformed, protected with a passphrase, or a key that
 * others can read: the file and the reason are said, and there is no context.
 */
#include "io/tls/context.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/tls/bio.h"
#include "io/tls/says.h"
#include "io/tls/sessions.h"
#include "io/tls/shared.h"

/* SESSION_S: how long a session may be taken up again. */
enum { SESSION_S = 3600, DEPTH = 8 };

static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

__attribute__((format(printf, 2, 3))) static enum pk_err fail(char why[PK_TLS_TEXT], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, PK_TLS_TEXT, format, args);
    va_end(args);
    return PK_EINVAL;
}

/* OpenSSL would ask at the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *asked)
{
    (void)writing;
    *(bool *)asked = true;
    if (size > 0)
        buf[0] = '\0';
    return 0;
}

static enum pk_err readable(const char *file, char why[PK_TLS_TEXT])
{
    struct stat st;
    FILE *f = fopen(file, "re");
    if (f == NULL)
        return fail(why, "%.200s cannot be read: %s", file, strerror(errno));
    bool regular = fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode);
    fclose(f);
    return regular ? PK_OK : fail(why, "%.200s is no file", file);
}

/* As ssh and PostgreSQL do with keys: the owner alone, or root's file for a group. */
static enum pk_err private_file(const char *file, char why[PK_TLS_TEXT])
{
    struct stat st;
    if (stat(file, &st) != 0)
        return fail(why, "%.200s cannot be read: %s", file, strerror(errno));
    mode_t others = st.st_uid == 0 ? S_IRWXO | S_IWGRP | S_IXGRP : S_IRWXO | S_IRWXG;
    if (st.st_mode & others)
        return fail(why, "%.100s has a private key and can be read by others: chmod 600 %.100s", file, file);
    return PK_OK;
}

static enum pk_err load_certificate(SSL_CTX *ctx, const char *file, char why[PK_TLS_TEXT])
{
    if (readable(file, why) != PK_OK)
        return PK_EINVAL;
    if (SSL_CTX_use_certificate_chain_file(ctx, file) != 1)
        return fail(why, "%.150s is no certificate in PEM (%.80s)", file, pk_tls_openssl_says());
    return PK_OK;
}

static enum pk_err load_key(SSL_CTX *ctx, const char *file, const char *certificate, char why[PK_TLS_TEXT])
{
    bool asked = false;
    if (private_file(file, why) != PK_OK || readable(file, why) != PK_OK)
        return PK_EINVAL;
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
    bool loaded = SSL_CTX_use_PrivateKey_file(ctx, file, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, NULL);
    if (asked)
        return fail(why, "%.200s is protected with a passphrase, and nobody is there to give it", file);
    if (!loaded && ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
        return fail(why, "%.150s is no private key in PEM (%.80s)", file, pk_tls_openssl_says());
    if (!loaded || SSL_CTX_check_private_key(ctx) != 1)
        return fail(why, "%.100s is not the key of the certificate %.100s", file, certificate);
    return PK_OK;
}

static enum pk_err load_ca(SSL_CTX *ctx, const struct pk_tls_settings *s, char why[PK_TLS_TEXT])
{
    if (readable(s->ca, why) != PK_OK)
        return PK_EINVAL;
    if (SSL_CTX_load_verify_file(ctx, s->ca) != 1)
        return fail(why, "%.150s has no certificate in PEM (%.80s)", s->ca, pk_tls_openssl_says());
    if (s->server)
        SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(s->ca));
    return PK_OK;
}

static enum pk_err load(SSL_CTX *ctx, const struct pk_tls_settings *s, char why[PK_TLS_TEXT])
{
    enum pk_err err = PK_OK;
    if (s->certificate[0] != '\0')
        err = load_certificate(ctx, s->certificate, why);
    if (err == PK_OK && s->key[0] != '\0')
        err = load_key(ctx, s->key, s->certificate, why);
    if (err == PK_OK && s->ca[0] != '\0')
        err = load_ca(ctx, s, why);
    return err;
}

/* OpenSSL hands sessions over as servers give them; ours is the reference when 1 is returned. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct pk_tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const char *name = SSL_get_app_data(ssl);
    if (name == NULL || name[0] == '\0')
        return 0;
    pk_tls_know(context, name, session);
    return 1;
}

static bool set_server(SSL_CTX *ctx, enum pk_tls_client client)
{
    static const unsigned char own[] = "pacekeeper";
    int mode = client == PK_TLS_CLIENT_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
    if (client == PK_TLS_CLIENT_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ctx, mode, NULL);
    /* Tickets hold what is needed; nothing is kept here. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_session_id_context(ctx, own, sizeof own - 1) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 1) == 1;
}

static void set_client(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
}

static bool set(SSL_CTX *ctx, const struct pk_tls_settings *s)
{
    SSL_CTX_set_options(ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_timeout(ctx, SESSION_S);
    SSL_CTX_set_verify_depth(ctx, DEPTH);
    if (!s->server)
        set_client(ctx);
    return SSL_CTX_set_min_proto_version(ctx, s->least == PK_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) ==
               1 &&
           SSL_CTX_set_cipher_list(ctx, ciphers) == 1 && (!s->server || set_server(ctx, s->client));
}

static struct pk_tls_context *make(const struct pk_tls_settings *s)
{
    struct pk_tls_context *context = calloc(1, sizeof *context);
    if (context == NULL)
        return NULL;
    context->refs = 1;
    context->server = s->server;
    context->verify = s->verify;
    context->bio = pk_tls_bio_method();
    context->ctx = SSL_CTX_new(s->server ? TLS_server_method() : TLS_client_method());
    if (context->bio != NULL && context->ctx != NULL && set(context->ctx, s) &&
        SSL_CTX_set_app_data(context->ctx, context) == 1)
        return context;
    pk_tls_context_drop(context);
    return NULL;
}

enum pk_err pk_tls_context_new(struct pk_tls_context **out, const struct pk_tls_settings *settings,
                               char why[PK_TLS_TEXT])
{
    ERR_clear_error();
    *out = make(settings);
    if (*out == NULL) {
        fail(why, "OpenSSL cannot be set up: %.80s", pk_tls_openssl_says());
        return PK_ENOMEM;
    }
    enum pk_err err = load((*out)->ctx, settings, why);
    if (err != PK_OK) {
        pk_tls_context_drop(*out);
        *out = NULL;
    }
    ERR_clear_error();
    return err;
}

void pk_tls_context_drop(struct pk_tls_context *context)
{
    if (context == NULL || --context->refs > 0)
        return;
    for (size_t i = 0; context->known != NULL && i < PK_TLS_SESSIONS; i++)
        SSL_SESSION_free(context->known[i].session);
    free(context->known);
    SSL_CTX_free(context->ctx);
    BIO_meth_free(context->bio);
    free(context);
}

int pk_tls_context_days(const struct pk_tls_context *context)
{
    int days = INT_MAX, seconds = 0;
    const X509 *own = SSL_CTX_get0_certificate(context->ctx);
    if (own != NULL && ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(own)) == 1)
        return seconds < 0 && days == 0 ? -1 : days;
    return INT_MAX;
}
