/*
 * A request and its answer, as those see them who answer.
 */
#ifndef PK_IO_HTTP_REQUEST_H
#define PK_IO_HTTP_REQUEST_H

#include <stdbool.h>

#include "io/loop/text.h"

struct pk_http_request {
    const char *method, *path; /* "GET" (a HEAD is shown as one), "POST", or another; "/metrics" */
    const char *accept;        /* the header, "" without one */
    bool trusted;              /* it came over a Unix socket, or with the token: it may change things */
    void *connection;          /* for pk_http_argument */
};

struct pk_http_answer {
    int status;         /* 200 */
    const char *type;   /* "text/plain; charset=utf-8", never freed */
    struct pk_text out; /* freed by who asked */
};

/* The decoded value of an argument (?name=value), "" when it has none; NULL when it is not given. */
const char *pk_http_argument(const struct pk_http_request *request, const char *name);

/* Whoever answers requests. It must not wait for anything. The answer is zero but for its status, 200, and type. */
typedef void pk_http_handler(void *owner, const struct pk_http_request *request,
                             struct pk_http_answer *answer);

#endif
