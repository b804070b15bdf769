/* Request frames for the core's tests: length word, header and body, in wire order. */
#include "wire.h"

#include <stdio.h>

size_t wire_begin(struct sup_buf *b, int xid, int op)
{
    size_t mark = b->len;
    sup_int(b, 0);
    sup_int(b, xid);
    sup_int(b, op);
    return mark;
}

void wire_end(struct sup_buf *b, size_t mark)
{
    size_t len = b->len - mark - 4;
    for (int i = 0; i < 4; i++)
        b->p[mark + (size_t)i] = (uint8_t)(len >> (24 - 8 * i));
}

void wire_connect(struct sup_buf *b, int64_t session, int timeout_ms, int64_t zxid, int read_only)
{
    size_t mark = b->len;
    sup_int(b, 0);
    sup_int(b, 0);
    sup_long(b, zxid);
    sup_int(b, timeout_ms);
    sup_long(b, session);
    sup_int(b, 16);
    for (int i = 0; i < 16; i++)
        sup_byte(b, 'p');
    if (read_only >= 0)
        sup_byte(b, read_only);
    wire_end(b, mark);
}

void wire_op(struct sup_buf *b, int xid, int op)
{
    wire_end(b, wire_begin(b, xid, op));
}

void wire_ping(struct sup_buf *b)
{
    wire_op(b, PK_XID_PING, PK_OP_PING);
}

void wire_path(struct sup_buf *b, int xid, int op, const char *path)
{
    size_t mark = wire_begin(b, xid, op);
    sup_str(b, path);
    wire_end(b, mark);
}

void wire_read(struct sup_buf *b, int xid, int op, const char *path, bool watch)
{
    size_t mark = wire_begin(b, xid, op);
    sup_str(b, path);
    sup_byte(b, watch);
    wire_end(b, mark);
}

void wire_set(struct sup_buf *b, int xid, const char *path, const char *data, int version)
{
    size_t mark = wire_begin(b, xid, PK_OP_SET_DATA);
    sup_str(b, path);
    sup_str(b, data);
    sup_int(b, version);
    wire_end(b, mark);
}

void wire_acl_entry(struct sup_buf *b, int perms, const char *scheme, const char *id)
{
    sup_int(b, perms);
    sup_str(b, scheme);
    sup_str(b, id);
}

void wire_open_acl(struct sup_buf *b)
{
    sup_int(b, 1);
    wire_acl_entry(b, PK_PERM_ALL, "world", "anyone");
}

void wire_create_as(struct sup_buf *b, int xid, int op, int flags, const char *path, const char *data)
{
    size_t mark = wire_begin(b, xid, op);
    sup_str(b, path);
    sup_str(b, data);
    wire_open_acl(b);
    sup_int(b, flags);
    if (op == PK_OP_CREATE_TTL)
        sup_long(b, 100000);
    wire_end(b, mark);
}

void wire_create(struct sup_buf *b, int xid, const char *path, const char *data)
{
    wire_create_as(b, xid, PK_OP_CREATE, PK_CREATE_PERSISTENT, path, data);
}

void wire_delete(struct sup_buf *b, int xid, const char *path, int version)
{
    size_t mark = wire_begin(b, xid, PK_OP_DELETE);
    sup_str(b, path);
    sup_int(b, version);
    wire_end(b, mark);
}

void wire_set_acl(struct sup_buf *b, int xid, const char *path, int version)
{
    size_t mark = wire_begin(b, xid, PK_OP_SET_ACL);
    sup_str(b, path);
    wire_open_acl(b);
    sup_int(b, version);
    wire_end(b, mark);
}

void wire_add_watch(struct sup_buf *b, int xid, const char *path, int mode)
{
    size_t mark = wire_begin(b, xid, PK_OP_ADD_WATCH);
    sup_str(b, path);
    sup_int(b, mode);
    wire_end(b, mark);
}

void wire_user(struct sup_buf *b, int xid, const char *user)
{
    char secret[64];
    size_t mark = wire_begin(b, xid, PK_OP_AUTH);
    snprintf(secret, sizeof secret, "%s:p", user);
    sup_int(b, 0);
    sup_str(b, "digest");
    sup_str(b, secret);
    wire_end(b, mark);
}

void wire_sasl(struct sup_buf *b, int xid, const char *token)
{
    size_t mark = wire_begin(b, xid, PK_OP_SASL);
    if (token != NULL)
        sup_str(b, token);
    else
        sup_int(b, -1);
    wire_end(b, mark);
}

void wire_auth(struct sup_buf *b, int xid)
{
    wire_user(b, xid, "u");
}

static void multi_header(struct sup_buf *b, int op, bool done)
{
    sup_int(b, op);
    sup_byte(b, done);
    sup_int(b, -1);
}

size_t wire_multi(struct sup_buf *b, int xid, int op)
{
    return wire_begin(b, xid, op);
}

void wire_multi_op(struct sup_buf *b, int op)
{
    multi_header(b, op, false);
}

void wire_multi_check(struct sup_buf *b, const char *path, int version)
{
    wire_multi_op(b, PK_OP_CHECK);
    sup_str(b, path);
    sup_int(b, version);
}

void wire_multi_set(struct sup_buf *b, const char *path, const char *data, int version)
{
    wire_multi_op(b, PK_OP_SET_DATA);
    sup_str(b, path);
    sup_str(b, data);
    sup_int(b, version);
}

void wire_multi_read(struct sup_buf *b, int op, const char *path)
{
    wire_multi_op(b, op);
    sup_str(b, path);
    sup_byte(b, false);
}

void wire_multi_end(struct sup_buf *b, size_t mark)
{
    multi_header(b, -1, true);
    wire_end(b, mark);
}
