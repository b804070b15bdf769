/*
 * Why writes of a path are absorbed, or are not.
 */
#ifndef PK_IO_ADMIN_EXPLAIN_H
#define PK_IO_ADMIN_EXPLAIN_H

#include <stdbool.h>

struct pk_admin;
struct pk_text;

/* In sentences, or in JSON with the same sentences. */
void pk_explain(const struct pk_admin *admin, const char *path, bool json, struct pk_text *out);

#endif
