/*
 * The bytes of replies from memory. Each is one reply whose header zxid is the highest already sent to the client, so
 * that no client ever shows a server a zxid that the server has not seen (design.md 6.5).
 */
#ifndef PK_CORE_SERVE_REPLY_H
#define PK_CORE_SERVE_REPLY_H

#include "core/conn/send.h"
#include "core/store/store.h"

/* A reply without a body. */
void pk_reply_header(struct pk_conns *conns, struct pk_client *c, int32_t xid, int32_t err);
/* exists, setData: the Stat. */
void pk_reply_stat(struct pk_conns *conns, struct pk_client *c, int32_t xid, const struct pk_znode *z);
/* getData of a local znode. */
void pk_reply_data(struct pk_conns *conns, struct pk_client *c, int32_t xid, const struct pk_znode *z);
/* getChildren(2) of a local znode of this store. */
void pk_reply_children(struct pk_store *store, struct pk_conns *conns, struct pk_client *c, int32_t xid,
                       struct pk_znode *z, bool stat);
/* getACL of a local znode. */
void pk_reply_acl(struct pk_conns *conns, struct pk_client *c, int32_t xid, const struct pk_znode *z,
                  struct pk_bytes acl);
/* A failed multi of n operations: the one at fault, and its code. */
void pk_reply_multi_error(struct pk_conns *conns, struct pk_client *c, int32_t xid, uint32_t n, uint32_t at,
                          int32_t err);
/* getAllChildrenNumber of a local znode. */
void pk_reply_count(struct pk_conns *conns, struct pk_client *c, int32_t xid, const struct pk_znode *z);
/* create, create2 (with the Stat). */
void pk_reply_create(struct pk_conns *conns, struct pk_client *c, int32_t xid, struct pk_bytes path,
                     const struct pk_znode *z, bool stat);

#endif
