/*
 * The operations of a multi.
 *
 * Happy path: sized first, then written into one piece of room, which is the caller's to make.
 */
#include "core/sync/multi.h"

#include <string.h>

enum { MULTI_BYTES = 256 * 1024 };

static size_t op_len(size_t path, size_t data, size_t acl)
{
    return PK_MULTI_HEADER + 4 + path + data + acl + 4;
}

size_t pk_multi_op_len(const struct pk_multi_op *o)
{
    return op_len(pk_znode_path_len(o->znode) + o->suffix.len,
                  o->type != PK_OP_DELETE ? pk_bytes_len(o->data) : 0,
                  o->type == PK_OP_CREATE ? o->acl.len : 0);
}

size_t pk_multi_create_len(size_t path, size_t data, size_t acl)
{
    return op_len(path, 4 + data, acl);
}

uint8_t *pk_multi_op_put(uint8_t *p, const struct pk_multi_op *o)
{
    p = pk_put_multi(p, o->type, false, -1);
    p = pk_put32(p, (uint32_t)pk_znode_path_len(o->znode) + o->suffix.len);
    p = pk_znode_path_put(p, o->znode);
    if (o->suffix.len > 0)
        memcpy(p, o->suffix.p, o->suffix.len);
    p += o->suffix.len;
    if (o->type != PK_OP_DELETE)
        p = pk_put_bytes(p, o->data);
    if (o->type == PK_OP_CREATE) {
        memcpy(p, o->acl.p, o->acl.len);
        p += o->acl.len;
    }
    return pk_put_int(p, o->version);
}

size_t pk_multi_most(const struct pk_limits *limits)
{
    return limits->max_frame - (PK_REQUEST_HEADER + PK_MULTI_HEADER);
}

size_t pk_multi_room(const struct pk_limits *limits)
{
    size_t most = pk_multi_most(limits);
    return most < MULTI_BYTES ? most : MULTI_BYTES;
}
