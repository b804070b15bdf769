/*
 * Distinguished names as text.
 */
#ifndef PK_IO_TLS_SUBJECT_H
#define PK_IO_TLS_SUBJECT_H

#include <openssl/x509.h>

/* A name as Java writes it, to be given to free(3); NULL: memory is short. */
char *pk_tls_name_text(const X509_NAME *name);

#endif
