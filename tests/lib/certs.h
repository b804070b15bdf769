/*
 * Certificates for the unit tests, made by openssl in a scratch folder: an authority, and what it signs.
 */
#ifndef PK_TESTS_LIB_CERTS_H
#define PK_TESTS_LIB_CERTS_H

#include "io/tls/context.h"

enum { CERTS_PATH = 128 };

/* Makes the folder with the authority ca.pem and another one, other.pem. */
void certs_make(void);
/* NAME.pem and NAME.key, signed by ca ("ca", "other"), for that subject and these alternative names, valid for days. */
void certs_sign(const char *name, const char *ca, const char *subject, const char *names, int days);
/* The path of a file in the folder; one of four buffers, in turn. */
const char *certs_path(const char *file);
/* A shell command in the folder; it must succeed. */
void certs_run(const char *command);
/* Removes the folder. */
void certs_remove(void);

/* Settings with certificate NAME (NULL for none) and the authority ca. */
struct pk_tls_settings certs_settings(bool server, const char *name, const char *ca);
/* A context, or the reason why there is none in why. */
struct pk_tls_context *certs_context(const struct pk_tls_settings *settings, char why[PK_TLS_TEXT]);

#endif
