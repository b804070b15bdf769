/*
 * /api/v1: what there is, in JSON or, with ?format=text, as text; and what may be done.
 */
#ifndef PK_IO_ADMIN_API_H
#define PK_IO_ADMIN_API_H

#include "io/http/request.h"

struct pk_admin;

void pk_api_list(struct pk_admin *admin, const struct pk_http_request *request,
                 struct pk_http_answer *answer);
void pk_api_explain(struct pk_admin *admin, const struct pk_http_request *request,
                    struct pk_http_answer *answer);
void pk_api_top(struct pk_admin *admin, const struct pk_http_request *request, struct pk_http_answer *answer);
void pk_api_reload(struct pk_admin *admin, const struct pk_http_request *request,
                   struct pk_http_answer *answer);
void pk_api_drain(struct pk_admin *admin, const struct pk_http_request *request,
                  struct pk_http_answer *answer);
void pk_api_close(struct pk_admin *admin, const struct pk_http_request *request,
                  struct pk_http_answer *answer);

#endif
