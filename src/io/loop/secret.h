/*
 * Memory that holds a secret for long.
 */
#ifndef PK_IO_LOOP_SECRET_H
#define PK_IO_LOOP_SECRET_H

#include <stddef.h>

/*
 * Leaves the pages of n bytes at p, and what else lies in them, out of core dumps, for as long as the memory is the
 * process's. A kernel that cannot is no failure.
 */
void pk_secret_undumped(const void *p, size_t n);

#endif
