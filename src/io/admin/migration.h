/*
 * Who of Storm comes through here, and who still goes directly: what the ensemble has, compared with our clients.
 */
#ifndef PK_IO_ADMIN_MIGRATION_H
#define PK_IO_ADMIN_MIGRATION_H

#include "io/http/request.h"

struct pk_admin;

/*
 * Answers what was found in the last seconds; else has the ensemble asked, with status 202: to be asked again in a
 * moment.
 */
void pk_api_migration(struct pk_admin *admin, const struct pk_http_request *request,
                      struct pk_http_answer *answer);

#endif
