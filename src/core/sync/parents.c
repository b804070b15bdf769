/*
 * Upstream parents, made again.
 *
 * Happy path: never needed; an ACL is kept only where it is not the open one.
 * Failure modes: out of memory keeps no ACL, and the parent is not made again: what is local stays so and is said to
 * be.
 */
#include "core/sync/parents.h"

static void send_create(struct pk_sync *sync, struct pk_uplink *u, struct pk_bytes path)
{
    const struct pk_znode *z = pk_store_find(sync->store, path);
    const struct pk_blob *acl = z != NULL && z->tracking != NULL ? z->tracking->acl : NULL;
    size_t acl_len = acl != NULL ? acl->len : PK_OPEN_ACL_LEN;
    uint8_t *p;
    if (pk_send_internal_body(sync->conns, u, PK_ANSWER_DROP, PK_OP_CREATE,
                              pk_bytes_len(path) + 4 + acl_len + 4, NULL, &p) == NULL)
        return;
    p = pk_put_bytes(pk_put_bytes(p, path), PK_BYTES(""));
    if (acl != NULL)
        memcpy(p, acl->bytes, acl->len);
    p = acl != NULL ? p + acl->len : pk_put_open_acl(p);
    pk_put_int(p, PK_CREATE_PERSISTENT);
}

void pk_parents_make(struct pk_sync *sync, struct pk_uplink *u, struct pk_bytes path)
{
    for (uint32_t end = 1; end <= path.len; end++)
        if (end == path.len || path.p[end] == '/')
            send_create(sync, u, (struct pk_bytes){path.p, end});
    pk_conns_log(sync->conns, PK_LOG_EVENT_PARENT_RECREATED, u, path, 0);
}

void pk_parents_seen(struct pk_sync *sync, struct pk_znode *z, struct pk_bytes acl)
{
    pk_blob_unref(sync->mem, z->tracking->acl);
    z->tracking->acl = pk_acl_is_open(acl) ? NULL : pk_blob_new(sync->mem, acl.p, acl.len);
}
