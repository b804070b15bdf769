/*
 * One TLS connection. Happy path: the bytes that came lie where they were read and OpenSSL takes them from there; what
 * it has to send grows a buffer that is gone as soon as it is sent, so that an idle connection has none. Failure modes:
 * whatever the peer sends, the worst that follows is PK_TLS_FAILED with a reason in words; who does not speak TLS at
 * all is told apart by his first byte; memory that is short fails this connection alone.
 */
#include "io/tls/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/tls/bio.h"
#include "io/tls/says.h"
#include "io/tls/sessions.h"
#include "io/tls/shared.h"
#include "io/tls/subject.h"

/* The types of the records with which a connection begins. */
enum { ALERT = 0x15, HANDSHAKE = 0x16, RECORD = 16 * 1024, WHY = 160 };

struct pk_tls {
    struct pk_tls_context *context;
    SSL *ssl;
    struct pk_tls_wire wire;
    bool begun, open;
    char why[WHY];
    char name[]; /* of the server, "" where connections are accepted */
};

/* ---- a connection begins and ends ---- */

/* Whose certificate it must be, and which session may be taken up. */
static bool expect(struct pk_tls *t)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    SSL_set_connect_state(t->ssl);
    bool address = strchr(t->name, ':') != NULL || t->name[strspn(t->name, "0123456789.")] == '\0';
    if (!address && SSL_set_tlsext_host_name(t->ssl, t->name) != 1)
        return false;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (t->context->verify == PK_TLS_VERIFY_FULL &&
        (address ? X509_VERIFY_PARAM_set1_ip_asc(param, t->name)
                 : X509_VERIFY_PARAM_set1_host(param, t->name, 0)) != 1)
        return false;
    SSL_SESSION *known = pk_tls_known(t->context, t->name);
    return known == NULL || SSL_set_session(t->ssl, known) == 1;
}

static bool attach(struct pk_tls *t)
{
    BIO *bio = BIO_new(t->context->bio);
    if (bio == NULL)
        return false;
    BIO_set_data(bio, &t->wire);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    return true;
}

struct pk_tls *pk_tls_new(struct pk_tls_context *context, const char *name)
{
    size_t len = name != NULL ? strlen(name) : 0;
    struct pk_tls *t = calloc(1, sizeof *t + len + 1);
    if (t == NULL)
        return NULL;
    if (name != NULL)
        memcpy(t->name, name, len);
    ERR_clear_error();
    t->context = pk_tls_context_ref(context);
    t->ssl = SSL_new(context->ctx);
    bool made = t->ssl != NULL && attach(t) && SSL_set_app_data(t->ssl, t->name) == 1;
    if (made && context->server)
        SSL_set_accept_state(t->ssl);
    if (made && (context->server || expect(t)))
        return t;
    pk_tls_free(t);
    return NULL;
}

void pk_tls_free(struct pk_tls *t)
{
    if (t == NULL)
        return;
    /* A connection that ends without a word leaves a session that may be taken up nevertheless. */
    if (t->open && t->why[0] == '\0')
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    pk_tls_drop_output(t);
    pk_tls_context_drop(t->context);
    free(t);
}

/* ---- failures in words ---- */

static void say(struct pk_tls *t, const char *text)
{
    if (t->why[0] == '\0')
        snprintf(t->why, sizeof t->why, "%s", text);
}

static void say_certificate(struct pk_tls *t, long verdict)
{
    char text[WHY];
    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
        snprintf(text, sizeof text, "its certificate is not for %.100s (verify: ca compares no name)",
                 t->name);
    else
        snprintf(text, sizeof text, "its certificate is refused: %.100s",
                 X509_verify_cert_error_string(verdict));
    say(t, text);
}

/* What a call of OpenSSL came to; everything but a wait for more is the end. */
static enum pk_tls_result judge(struct pk_tls *t, int returned)
{
    int what = SSL_get_error(t->ssl, returned);
    if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE)
        return PK_TLS_FINE;
    if (what == SSL_ERROR_ZERO_RETURN)
        return PK_TLS_ENDED;
    long verdict = SSL_get_verify_result(t->ssl);
    const char *says = pk_tls_openssl_says();
    if (verdict != X509_V_OK && !t->open)
        say_certificate(t, verdict);
    else
        say(t, says[0] != '\0' ? says : "memory is short");
    return PK_TLS_FAILED;
}

/* OpenSSL's own words for these would be "wrong version number". */
static bool is_tls(struct pk_tls *t, const uint8_t *p)
{
    t->begun = true;
    if (p[0] == HANDSHAKE || (!t->context->server && p[0] == ALERT))
        return true;
    if (!t->context->server)
        say(t, "its first bytes are no TLS: this is its plain port");
    else if (p[0] == 'P' || p[0] == '\r')
        say(t, "a PROXY protocol header, from an address that proxy-protocol does not name");
    else
        say(t, "the client does not speak TLS, and this is the port for TLS");
    return false;
}

/* ---- bytes ---- */

bool pk_tls_open(const struct pk_tls *t)
{
    return t->open;
}

bool pk_tls_resumed(const struct pk_tls *t)
{
    return SSL_session_reused(t->ssl) == 1;
}

static enum pk_tls_result shake(struct pk_tls *t)
{
    ERR_clear_error();
    int done = SSL_do_handshake(t->ssl);
    if (done != 1)
        return judge(t, done);
    t->open = true;
    return PK_TLS_FINE;
}

enum pk_tls_result pk_tls_begin(struct pk_tls *t)
{
    return shake(t);
}

enum pk_tls_result pk_tls_take(struct pk_tls *t, const uint8_t *p, size_t n, uint8_t *out, size_t room,
                               size_t *len)
{
    *len = 0;
    t->wire.in = p;
    t->wire.in_len = n;
    if (!t->begun && n > 0 && !is_tls(t, p))
        return PK_TLS_FAILED;
    enum pk_tls_result result = t->open ? PK_TLS_FINE : shake(t);
    while (t->open && result == PK_TLS_FINE && *len < room) {
        size_t got = 0;
        ERR_clear_error();
        int read = SSL_read_ex(t->ssl, out + *len, room - *len, &got);
        *len += got;
        if (read != 1) {
            result = judge(t, read);
            break;
        }
    }
    return result;
}

/* Parts of one record in one place; returns how many bytes there are. */
static size_t gather(uint8_t record[RECORD], const struct pk_iov **iov, int *n, size_t *off)
{
    size_t len = 0;
    while (*n > 0 && len < RECORD) {
        size_t left = (*iov)->len - *off, some = left < RECORD - len ? left : RECORD - len;
        memcpy(record + len, (const uint8_t *)(*iov)->base + *off, some);
        len += some;
        *off += some;
        if (*off == (*iov)->len) {
            (*iov)++;
            (*n)--;
            *off = 0;
        }
    }
    return len;
}

static enum pk_tls_result put(struct pk_tls *t, const uint8_t *p, size_t n, size_t *taken)
{
    size_t some = 0;
    ERR_clear_error();
    int written = SSL_write_ex(t->ssl, p, n, &some);
    *taken += some;
    if (written == 1)
        return PK_TLS_FINE;
    enum pk_tls_result result = judge(t, written);
    if (result == PK_TLS_FINE)
        say(t, "OpenSSL waits in the middle of a record");
    return PK_TLS_FAILED;
}

enum pk_tls_result pk_tls_put(struct pk_tls *t, const struct pk_iov *iov, int n, size_t *taken)
{
    uint8_t record[RECORD];
    enum pk_tls_result result = PK_TLS_FINE;
    *taken = 0;
    if (n == 1 && iov->len <= RECORD)
        return put(t, iov->base, iov->len, taken);
    size_t off = 0;
    while (n > 0 && *taken < PK_TLS_WRITE && result == PK_TLS_FINE) {
        size_t len = gather(record, &iov, &n, &off);
        if (len > 0)
            result = put(t, record, len, taken);
    }
    return result;
}

void pk_tls_close(struct pk_tls *t)
{
    ERR_clear_error();
    if (t->open && t->why[0] == '\0')
        SSL_shutdown(t->ssl);
    ERR_clear_error();
}

const uint8_t *pk_tls_output(const struct pk_tls *t, size_t *len)
{
    *len = t->wire.out_len;
    return t->wire.out_len > 0 ? t->wire.out : NULL;
}

uint8_t *pk_tls_keep_output(struct pk_tls *t)
{
    uint8_t *kept = t->wire.out;
    t->wire.out = NULL;
    t->wire.out_len = t->wire.out_room = 0;
    return kept;
}

void pk_tls_drop_output(struct pk_tls *t)
{
    free(pk_tls_keep_output(t));
}

const char *pk_tls_why(const struct pk_tls *t)
{
    return t->why[0] != '\0' ? t->why : "no reason is known";
}

char *pk_tls_subject(const struct pk_tls *t)
{
    const X509 *peer = SSL_get0_peer_certificate(t->ssl);
    if (peer == NULL || SSL_get_verify_result(t->ssl) != X509_V_OK)
        return NULL;
    return pk_tls_name_text(X509_get_subject_name(peer));
}
