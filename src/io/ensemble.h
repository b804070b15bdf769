/*
 * A session of our own with the ensemble, through libzookeeper_mt, for use from a thread that may wait.
 *
 * Every wait is bounded and ends early when *stop becomes true. Errors are libzookeeper's (ZOK, ZNONODE,
 * ...).
 */
#ifndef PK_IO_ENSEMBLE_H
#define PK_IO_ENSEMBLE_H

#include <stdatomic.h>

struct pk_ensemble;
struct String_vector;

/* Connects to one of HOST:PORT,... . On ZOK *out is the caller's to close; else it is NULL. */
int pk_ensemble_open(struct pk_ensemble **out, const char *servers, atomic_bool *stop, int timeout_ms);
/* The names below a znode; the caller deallocates them. */
int pk_ensemble_list(struct pk_ensemble *ensemble, const char *path, struct String_vector *names,
                     int timeout_ms);
/* The number of children of a znode. */
int pk_ensemble_count(struct pk_ensemble *ensemble, const char *path, int *children, int timeout_ms);
/* Closes the session; NULL is allowed. */
void pk_ensemble_close(struct pk_ensemble *ensemble);

#endif
