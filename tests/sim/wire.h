/* Requests as their clients write them: length word, header and body, in wire order. */
#ifndef PK_TESTS_SIM_WIRE_H
#define PK_TESTS_SIM_WIRE_H

#include "tests/lib/support.h"

/* Whole request frames, appended. data NULL is null data. */
void wire_connect(struct sup_buf *b, int64_t session, int timeout_ms, int64_t zxid, int read_only);
void wire_op(struct sup_buf *b, int xid, int op);
void wire_path(struct sup_buf *b, int xid, int op, const char *path);
void wire_read(struct sup_buf *b, int xid, int op, const char *path, bool watch);
void wire_set(struct sup_buf *b, int xid, const char *path, const char *data, int version);
void wire_create(struct sup_buf *b, int xid, int op, const char *path, const char *data, int flags);
void wire_delete(struct sup_buf *b, int xid, const char *path, int version);
void wire_auth(struct sup_buf *b, int xid);
/* addauth of a digest user. */
void wire_user(struct sup_buf *b, int xid, const char *user);
/* Frames a body: everything appended since mark (the length word is filled in). */
size_t wire_begin(struct sup_buf *b, int xid, int op);
void wire_end(struct sup_buf *b, size_t mark);

#endif
