/*
 * What libmicrohttpd has of a request, and how it takes an answer.
 */
#ifndef PK_IO_HTTP_EXCHANGE_H
#define PK_IO_HTTP_EXCHANGE_H

#include <microhttpd.h>

#include "io/http/request.h"

/* The header of that name, borrowed; "" when there is none. */
const char *pk_http_header(struct MHD_Connection *connection, const char *name);
/* Queues the answer, whose text it takes over. MHD_NO: memory is short, and the connection is to be closed. */
enum MHD_Result pk_http_respond(struct MHD_Connection *connection, struct pk_http_answer *answer);

#endif
