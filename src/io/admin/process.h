/*
 * What the kernel says of this process.
 */
#ifndef PK_IO_ADMIN_PROCESS_H
#define PK_IO_ADMIN_PROCESS_H

#include <stdint.h>

struct pk_process {
    double cpu_seconds;
    int64_t resident; /* bytes, 0 unknown */
};

void pk_process_read(struct pk_process *out);

#endif
