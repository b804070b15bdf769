/*
 * Sessions with servers, to be taken up again.
 */
#ifndef PK_IO_TLS_SESSIONS_H
#define PK_IO_TLS_SESSIONS_H

#include "io/tls/shared.h"

/* Remembers a session with the server; it becomes the context's. */
void pk_tls_know(struct pk_tls_context *context, const char *name, SSL_SESSION *session);
/* The session to take up there, borrowed; NULL for none. */
SSL_SESSION *pk_tls_known(const struct pk_tls_context *context, const char *name);

#endif
