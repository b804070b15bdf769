/*
 * A piece of memory to be written: same layout as uv_buf_t and struct iovec on Unix.
 */
#ifndef PK_BASE_IOV_H
#define PK_BASE_IOV_H

#include <stddef.h>

struct pk_iov {
    const void *base;
    size_t len;
};

#endif
