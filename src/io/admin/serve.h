/*
 * The admin side's answers, by path.
 */
#ifndef PK_IO_ADMIN_SERVE_H
#define PK_IO_ADMIN_SERVE_H

#include "io/http/request.h"

/* A pk_http_handler; owner is the struct pk_admin. */
void pk_admin_serve(void *owner, const struct pk_http_request *request, struct pk_http_answer *answer);

#endif
