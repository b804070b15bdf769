/*
 * A service session with the ensemble, through libzookeeper_mt, for use from a thread that may wait.
 *
 * Every wait is bounded and ends early when *stop becomes true. Errors are libzookeeper's (ZOK, ZNONODE,
 * ...).
 */
#ifndef PK_IO_INSTANCES_ZKSESSION_H
#define PK_IO_INSTANCES_ZKSESSION_H

#include <stdatomic.h>

#include <stdbool.h>

#include "io/config/auth.h"

struct pk_ensemble;
struct String_vector;

/* Connects to one of HOST:PORT,... and shows it the credentials. On ZOK *out is the caller's to close; else it is NULL.
 */
int pk_ensemble_open(struct pk_ensemble **out, const char *servers, const struct pk_auth *auth,
                     atomic_bool *stop, int timeout_ms);
/* The session is over (expired, or the credentials were refused): close it. */
bool pk_ensemble_lost(struct pk_ensemble *ensemble);
/* The names below a znode; the caller deallocates them. */
int pk_ensemble_list(struct pk_ensemble *ensemble, const char *path, struct String_vector *names,
                     int timeout_ms);
/* The number of children of a znode. */
int pk_ensemble_count(struct pk_ensemble *ensemble, const char *path, int *children, int timeout_ms);
/* A znode's data as text, which the caller frees. */
int pk_ensemble_get(struct pk_ensemble *ensemble, const char *path, char **text, int timeout_ms);
/* Creates a znode that everybody may do everything with. */
int pk_ensemble_create(struct pk_ensemble *ensemble, const char *path, const char *text, bool ephemeral,
                       int timeout_ms);
int pk_ensemble_set(struct pk_ensemble *ensemble, const char *path, const char *text, int timeout_ms);
/* Closes the session; NULL is allowed. */
void pk_ensemble_close(struct pk_ensemble *ensemble);

#endif
