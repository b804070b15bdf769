/*
 * Sessions with servers. Happy path: the newest of each server is kept, and the next connection takes it up. Failure
 * modes: no memory, or more servers than places: those connections begin with a full handshake.
 */
#include "io/tls/sessions.h"

#include <stdlib.h>
#include <string.h>

static struct pk_tls_known *place(const struct pk_tls_context *context, const char *name)
{
    for (size_t i = 0; context->known != NULL && i < PK_TLS_SESSIONS; i++)
        if (strcmp(context->known[i].name, name) == 0)
            return &context->known[i];
    return NULL;
}

void pk_tls_know(struct pk_tls_context *context, const char *name, SSL_SESSION *session)
{
    if (context->known == NULL)
        context->known = calloc(PK_TLS_SESSIONS, sizeof *context->known);
    struct pk_tls_known *at = place(context, name);
    if (at == NULL)
        at = place(context, "");
    if (at == NULL || strlen(name) >= sizeof at->name) {
        SSL_SESSION_free(session);
        return;
    }
    strcpy(at->name, name);
    SSL_SESSION_free(at->session);
    at->session = session;
}

SSL_SESSION *pk_tls_known(const struct pk_tls_context *context, const char *name)
{
    const struct pk_tls_known *at = name[0] != '\0' ? place(context, name) : NULL;
    return at != NULL ? at->session : NULL;
}
