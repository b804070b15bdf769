/*
 * OpenSSL's own words.
 */
#ifndef PK_IO_TLS_SAYS_H
#define PK_IO_TLS_SAYS_H

/* What it said last, "" when it said nothing; its queue of errors is empty afterwards. */
const char *pk_tls_openssl_says(void);

#endif
