/*
 * Requests as their clients write them: length word, header and body, in wire order, appended to a buffer. Data that is
 * NULL is null data; every ACL is world:anyone with all permissions.
 */
#ifndef PK_TESTS_SIM_WIRE_H
#define PK_TESTS_SIM_WIRE_H

#include "proto/records.h"
#include "tests/lib/support.h"

/* read_only -1: without that byte, as clients of 3.3 and before. */
void wire_connect(struct sup_buf *b, int64_t session, int timeout_ms, int64_t zxid, int read_only);
/* What a connect request is answered with takes so many bytes, length word included. */
enum { WIRE_CONNECT_REPLY = 41 };
/* A request without a body. */
void wire_op(struct sup_buf *b, int xid, int op);
void wire_ping(struct sup_buf *b);
void wire_path(struct sup_buf *b, int xid, int op, const char *path);
/* exists, getData, getChildren, getChildren2 */
void wire_read(struct sup_buf *b, int xid, int op, const char *path, bool watch);
void wire_set(struct sup_buf *b, int xid, const char *path, const char *data, int version);
void wire_create(struct sup_buf *b, int xid, const char *path, const char *data);
/* Any of the create types, with flags (PK_CREATE_*). */
void wire_create_as(struct sup_buf *b, int xid, int op, int flags, const char *path, const char *data);
void wire_delete(struct sup_buf *b, int xid, const char *path, int version);
void wire_set_acl(struct sup_buf *b, int xid, const char *path, int version);
/* mode is PK_WATCH_PERSISTENT or PK_WATCH_PERSISTENT_RECURSIVE */
void wire_add_watch(struct sup_buf *b, int xid, const char *path, int mode);
/* addauth of a digest user. */
void wire_user(struct sup_buf *b, int xid, const char *user);
void wire_auth(struct sup_buf *b, int xid);
/* A token NULL is null. */
void wire_sasl(struct sup_buf *b, int xid, const char *token);

/* op is PK_OP_MULTI or PK_OP_MULTI_READ; its operations follow, then wire_multi_end with what this returned. */
size_t wire_multi(struct sup_buf *b, int xid, int op);
void wire_multi_check(struct sup_buf *b, const char *path, int version);
void wire_multi_set(struct sup_buf *b, const char *path, const char *data, int version);
void wire_multi_read(struct sup_buf *b, int op, const char *path);
/* The header of any operation; its body is the caller's. */
void wire_multi_op(struct sup_buf *b, int op);
void wire_multi_end(struct sup_buf *b, size_t mark);

/* The body of what has no function here: everything appended between the two (the length word is filled in). */
size_t wire_begin(struct sup_buf *b, int xid, int op);
void wire_end(struct sup_buf *b, size_t mark);
void wire_open_acl(struct sup_buf *b);
/* One entry of an ACL, behind their number. */
void wire_acl_entry(struct sup_buf *b, int perms, const char *scheme, const char *id);

#endif
