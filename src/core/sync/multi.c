/*
 * The operations of a multi.
 *
 * Happy path: sized first, then written into one piece of room, which is the caller's to make.
 */
#include "core/sync/multi.h"

#include <string.h>

enum { MULTI_BYTES = 256 * 1024 };

size_t pk_multi_op_len(const struct pk_multi_op *o)
{
    size_t len = PK_MULTI_HEADER + 4 + pk_znode_path_len(o->znode) + o->suffix.len + 4;
    if (o->type == PK_OP_CREATE)
        len += pk_bytes_len(o->data) + o->acl.len;
    else if (o->type == PK_OP_SET_DATA)
        len += pk_bytes_len(o->data);
    return len;
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
