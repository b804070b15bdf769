/*
 * Paths like those of Storm's workers, PARENT/<assignment id>-<port>, for znode numbers from 0.
 */
#ifndef PK_TOOLS_BENCH_PATHS_H
#define PK_TOOLS_BENCH_PATHS_H

#include <stdint.h>

#include "proto/jute.h"

enum { PK_WORKER_NAME = 50 /* characters of a name */ };

struct pk_paths {
    char *text;
    uint32_t stride; /* one path with its terminator; all have the same length */
};

/* n paths under parent; false when out of memory. */
bool pk_paths_make(struct pk_paths *p, const char *parent, uint32_t n);
struct pk_bytes pk_paths_at(const struct pk_paths *p, uint32_t i);
void pk_paths_free(struct pk_paths *p);

/* Writes the name of worker i, PK_WORKER_NAME characters and a terminator. */
void pk_worker_name(char *name, uint32_t i);
/* The number in such a name, UINT32_MAX when it is none. */
uint32_t pk_worker_number(struct pk_bytes name);

#endif
