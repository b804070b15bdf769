/*
 * The operations of the multis that we make, as bytes: one list, one size, one way of writing.
 */
#ifndef PK_CORE_SYNC_MULTI_H
#define PK_CORE_SYNC_MULTI_H

#include "core/conn/conns.h"
#include "core/store/znode.h"

enum { PK_MULTI_OPS = 500 /* operations in one multi */ };

/* One operation, so that sizing and writing cannot disagree. */
struct pk_multi_op {
    int32_t type; /* PK_OP_CREATE, _SET_DATA or _DELETE */
    const struct pk_znode *znode;
    struct pk_bytes suffix; /* the path is the znode's and this */
    struct pk_bytes data;
    struct pk_bytes acl; /* of a create: a vector<ACL> */
    int32_t version;     /* of a create: flags */
};

size_t pk_multi_op_len(const struct pk_multi_op *o);
/* The same of a create, by the bytes of its path, its data and its vector<ACL>. */
size_t pk_multi_create_len(size_t path, size_t data, size_t acl);
uint8_t *pk_multi_op_put(uint8_t *p, const struct pk_multi_op *o);
/* Bytes that the operations of one multi may have, unless a single znode needs more: far from jute.maxbuffer. */
size_t pk_multi_room(const struct pk_limits *limits);
/* Bytes that they may have at all, so that servers take the frame. */
size_t pk_multi_most(const struct pk_limits *limits);

#endif
