/*
 * What the answers to four-letter words are made of.
 */
#ifndef PK_IO_ADMIN_ADMIN_H
#define PK_IO_ADMIN_ADMIN_H

#include <stddef.h>

struct pk_pairs;
struct pk_file_limits;
struct pk_listeners;
struct pk_marker;

struct pk_admin {
    const struct pk_pairs *conns;
    const struct pk_listeners *listeners;
    const struct pk_file_limits *limits;
    const struct pk_marker *marker;
};

enum { PK_ADMIN_VERSION = 192 };

/* The version that we show: the ensemble's with our own behind it, and its date, so that what parses one parses us. */
void pk_admin_version(const struct pk_admin *admin, char *out, size_t size);

#endif
