/*
 * Who may ask what.
 */
#ifndef PK_IO_HTTP_ACCESS_H
#define PK_IO_HTTP_ACCESS_H

#include <stdbool.h>

#include "io/http/door.h"

/* What a request shows of itself. Headers are "" when there are none. */
struct pk_http_caller {
    const struct pk_door *door;
    const char *token; /* the server's, "" for none */
    const char *authorization, *host;
    const char *method, *path;
};

enum pk_http_access {
    PK_ACCESS_READ,      /* it may look */
    PK_ACCESS_CHANGE,    /* it may look and change */
    PK_ACCESS_LOGIN,     /* 401: the token is needed */
    PK_ACCESS_FORBIDDEN, /* 403: whoever asks, not here */
};

/*
 * Over a socket file everything; with a token that is set everything, without it only /live and /ready; where none is
 * set reading, from this machine by address and not by some name that leads here (a page of another site).
 */
enum pk_http_access pk_http_access(const struct pk_http_caller *caller);
/* What LOGIN and FORBIDDEN are told, and with which status. */
const char *pk_http_refusal(enum pk_http_access access, int *status);

#endif
