/*
 * What TLS connections of one kind share: our certificate and key, whom we believe, which versions, and the sessions
 * that may be taken up again. Made from files once and then only read; a reload makes another one, and connections keep
 * the one that they began with.
 */
#ifndef PK_IO_TLS_CONTEXT_H
#define PK_IO_TLS_CONTEXT_H

#include <stdbool.h>

#include "base/err.h"

struct pk_tls_context;

/* Whether a server asks its clients for a certificate. */
enum pk_tls_client { PK_TLS_CLIENT_NONE, PK_TLS_CLIENT_OPTIONAL, PK_TLS_CLIENT_REQUIRED };
/* What a client compares a server's certificate with, beside the authority. */
enum pk_tls_verify { PK_TLS_VERIFY_FULL, PK_TLS_VERIFY_CA };
enum pk_tls_version { PK_TLS_1_2, PK_TLS_1_3 };

/* Files are PEM; "" for none. */
struct pk_tls_settings {
    bool server;             /* connections are accepted, else made */
    const char *certificate; /* ours, then those between it and the authority */
    const char *key;         /* its private key, which nobody but its owner may read */
    const char *ca;          /* the authorities that peers' certificates come from */
    enum pk_tls_client client;
    enum pk_tls_verify verify;
    enum pk_tls_version least; /* the oldest version that is spoken */
};

enum { PK_TLS_TEXT = 320 };

/*
 * Reads the files. PK_EINVAL with file and reason in why, where a person can act on it; PK_ENOMEM. What is made is the
 * caller's, to be given up with pk_tls_context_drop.
 */
enum pk_err pk_tls_context_new(struct pk_tls_context **out, const struct pk_tls_settings *settings,
                               char why[PK_TLS_TEXT]) PK_NODISCARD;
/* Gives up a reference; NULL is none. Connections have their own. */
void pk_tls_context_drop(struct pk_tls_context *context);
/* Days until our certificate expires, below zero when it has; INT_MAX without one. */
int pk_tls_context_days(const struct pk_tls_context *context);

#endif
