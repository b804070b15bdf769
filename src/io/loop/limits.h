/*
 * The process's limit of file descriptors.
 */
#ifndef PK_IO_LOOP_LIMITS_H
#define PK_IO_LOOP_LIMITS_H

#include "io/loop/log.h"

struct pk_file_limits {
    size_t pairs;      /* clients for which there is room */
    int64_t max_files; /* descriptors that are allowed, -1 unknown */
    int64_t files;     /* open beside those of pairs */
};

/*
 * Raises the limit as far as it goes and says so, also when it is less than the clients wanted need. There is room for
 * two descriptors for each client, some kept back for the rest of the process, so that a client that was accepted also
 * gets its uplink.
 */
void pk_file_limits_raise(struct pk_file_limits *limits, struct pk_log *log, size_t wanted);

/* Counts what is open before the first client: later counting would keep everybody waiting. */
void pk_file_limits_count(struct pk_file_limits *limits);

#endif
