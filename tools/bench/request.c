/*
 * Request records of the load generator, put together from proto's primitives.
 *
 * Happy path: room in the session's out buffer, fields, pk_zs_send.
 */
#include "tools/bench/request.h"

#include <string.h>

#include "proto/records.h"

struct pk_bytes pk_zs_path(const char *path)
{
    return (struct pk_bytes){(const uint8_t *)path, (uint32_t)strlen(path)};
}

void pk_zs_ask(struct pk_zs *s, int32_t op, struct pk_bytes path, bool watch, pk_zs_fn fn, uint64_t asked)
{
    uint8_t *p = pk_put_bytes(pk_zs_begin(s, pk_bytes_len(path) + 1), path);
    if (op != PK_OP_SYNC)
        p = pk_put_bool(p, watch);
    pk_zs_send(s, op, p, fn, asked);
}

void pk_zs_read(struct pk_zs *s, int32_t op, struct pk_bytes path, pk_zs_fn fn, uint64_t asked)
{
    pk_zs_ask(s, op, path, false, fn, asked);
}

void pk_zs_create(struct pk_zs *s, struct pk_bytes path, struct pk_bytes data, pk_zs_fn fn, uint64_t asked)
{
    pk_zs_create_as(s, PK_OP_CREATE2, PK_CREATE_PERSISTENT, path, data, fn, asked);
}

void pk_zs_create_as(struct pk_zs *s, int32_t op, int32_t flags, struct pk_bytes path, struct pk_bytes data,
                     pk_zs_fn fn, uint64_t asked)
{
    uint8_t *p = pk_zs_begin(s, pk_bytes_len(path) + pk_bytes_len(data) + PK_OPEN_ACL_LEN + 4);
    p = pk_put_bytes(p, path);
    p = pk_put_bytes(p, data);
    p = pk_put_open_acl(p);
    p = pk_put_int(p, flags);
    pk_zs_send(s, op, p, fn, asked);
}

void pk_zs_set(struct pk_zs *s, struct pk_bytes path, struct pk_bytes data, pk_zs_fn fn, uint64_t asked)
{
    uint8_t *p = pk_zs_begin(s, pk_bytes_len(path) + pk_bytes_len(data) + 4);
    p = pk_put_bytes(p, path);
    p = pk_put_bytes(p, data);
    p = pk_put_int(p, -1);
    pk_zs_send(s, PK_OP_SET_DATA, p, fn, asked);
}

void pk_zs_delete(struct pk_zs *s, struct pk_bytes path, pk_zs_fn fn, uint64_t asked)
{
    uint8_t *p = pk_put_bytes(pk_zs_begin(s, pk_bytes_len(path) + 4), path);
    pk_zs_send(s, PK_OP_DELETE, pk_put_int(p, -1), fn, asked);
}

void pk_zs_close_session(struct pk_zs *s, pk_zs_fn fn, uint64_t asked)
{
    pk_zs_send(s, PK_OP_CLOSE_SESSION, pk_zs_begin(s, 0), fn, asked);
}
