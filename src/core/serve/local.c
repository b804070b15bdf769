/*
 * Operations on what is held.
 *
 * Happy path: exists and setData of a beat: one look-up between them, data overwritten in place, two replies in the
 * arena.
 * Failure modes: wrong versions and non-empty parents are answered as a server answers them; out of memory marks the
 * client to end and changes nothing.
 */
#include "core/serve/local.h"

#include <string.h>

#include "core/serve/reply.h"
#include "core/store/watch.h"
#include "core/sync/promote.h"
#include "core/sync/replay.h"
#include "core/sync/writeback.h"
#include "proto/path.h"

struct pk_target pk_local_target(const struct pk_sync *sync, struct pk_client *c, struct pk_bytes path)
{
    const struct pk_store *store = sync->store;
    if (c->last != NULL && c->last_freed_epoch == store->freed_epoch && pk_znode_is_at(c->last, path)) {
        struct pk_znode *z = c->last;
        return (struct pk_target){z->parent != NULL ? PK_BELOW : PK_AT_ROOT, pk_store_mount(store, z), z,
                                  z->parent, z};
    }
    struct pk_target t = pk_store_target(store, path);
    c->last = t.znode;
    c->last_freed_epoch = store->freed_epoch;
    return t;
}

struct pk_readable pk_local_readable(const struct pk_sync *sync, const struct pk_client *c,
                                     const struct pk_target *t, struct pk_bytes path, int32_t op)
{
    struct pk_znode *z = t->znode;
    if (pk_znode_held(z))
        return (struct pk_readable){true, z};
    if (z != NULL && z->cached != NULL)
        return (struct pk_readable){op == PK_OP_EXISTS && pk_cached_knows(sync->store, c, z), z};
    bool absent = (z == NULL || z->held.state == PK_ZNODE_TRACKED) && pk_znode_held(t->parent) &&
                  path.len > 0 && memchr(path.p, 0, path.len) == NULL;
    return (struct pk_readable){absent, NULL};
}

bool pk_local_read(struct pk_sync *sync, struct pk_client *c, int32_t xid, int32_t op, struct pk_bytes path)
{
    struct pk_target t = pk_local_target(sync, c, path);
    struct pk_readable r = pk_local_readable(sync, c, &t, path, op);
    if (r.yes)
        pk_local_answer(sync, c, xid, op, r.znode);
    return r.yes;
}

static struct pk_bytes acl_for(const struct pk_store *store, const struct pk_client *c,
                               const struct pk_znode *z)
{
    const struct pk_policy *policy = pk_store_mount(store, z)->policy;
    return pk_store_acl(store, z, !pk_identities_allowed(&c->identities, policy, PK_PERM_ADMIN));
}

void pk_local_answer(struct pk_sync *sync, struct pk_client *c, int32_t xid, int32_t op, struct pk_znode *z)
{
    struct pk_conns *conns = sync->conns;
    if (z == NULL) {
        pk_reply_header(conns, c, xid, PK_Z_NO_NODE);
        return;
    }
    switch (op) {
    case PK_OP_EXISTS:
        pk_reply_stat(conns, c, xid, z);
        break;
    case PK_OP_GET_DATA:
        pk_reply_data(conns, c, xid, z);
        break;
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
        pk_reply_children(sync->store, conns, c, xid, z, op == PK_OP_GET_CHILDREN2);
        break;
    case PK_OP_GET_ACL:
        pk_reply_acl(conns, c, xid, z, acl_for(sync->store, c, z));
        break;
    default:
        pk_reply_count(conns, c, xid, z);
        break;
    }
}

bool pk_local_may_create(const struct pk_target *t, struct pk_bytes path)
{
    const struct pk_znode *z = t->znode, *parent = t->parent;
    if (t->mount->config.mode != PK_MODE_PACEMAKER || !pk_path_valid(path))
        return false;
    if (z != NULL && (z->held.state == PK_ZNODE_PROMOTED || z->cached != NULL || z->held.nlocal > 0))
        return false;
    return !pk_watched(t) && t->mount->anywhere == 0 && !pk_intended(z) && !pk_intended(parent) &&
           !(parent != NULL && parent->no_local_creates);
}

/* The multi that promotes a znode of so much data is a frame that servers take: longer than the client's. */
static bool can_be_promoted(const struct pk_sync *sync, const struct pk_target *t, size_t path, size_t data)
{
    return pk_multi_create_len(path, data, pk_mount_acl(t->mount, false).len) <=
           pk_multi_most(&sync->conns->limits);
}

bool pk_local_has_room(const struct pk_sync *sync, const struct pk_target *t, struct pk_bytes path,
                       size_t data)
{
    return pk_store_has_room(t->mount, true, (uint64_t)pk_path_name(path).len + data, data) &&
           can_be_promoted(sync, t, path.len, data);
}

bool pk_local_may_grow(const struct pk_sync *sync, const struct pk_target *t, size_t data)
{
    size_t before = t->znode->data != NULL ? t->znode->data->len : 0;
    return data <= before || (pk_store_has_room(t->mount, false, data - before, data) &&
                              can_be_promoted(sync, t, pk_znode_path_len(t->znode), data));
}

bool pk_local_owes_too_much(struct pk_sync *sync, struct pk_znode *parent)
{
    if (parent == NULL || pk_znode_held(parent) || parent->held.cversion < PK_REPLAY_OWED)
        return false;
    (void)!pk_promote_want_one(sync, parent); /* out of memory: asked again with the next one */
    return true;
}

void pk_local_absorbed(struct pk_sync *sync, struct pk_client *c)
{
    sync->stats->beats_absorbed++;
    if (c->beats++ == 0)
        c->beats_us = c->blocked_us != 0 ? c->blocked_us : sync->conns->now_us;
}

enum pk_err pk_local_apply(struct pk_sync *sync, const struct pk_client *c, enum pk_change_kind kind,
                           struct pk_znode *z, struct pk_bytes data)
{
    struct pk_change change = {.kind = kind,
                               .znode = z,
                               .data = data,
                               .wall_ms = sync->conns->wall_ms,
                               .now_us = sync->conns->now_us,
                               .session_id = c->up.session_id};
    return pk_store_apply(sync->store, &change);
}

static bool version_differs(const struct pk_request *req, int32_t version)
{
    return req->version != -1 && req->version != version;
}

void pk_local_set(struct pk_sync *sync, struct pk_client *c, const struct pk_request *req, struct pk_znode *z)
{
    if (version_differs(req, z->cached != NULL ? z->cached->value.version : z->held.version)) {
        pk_reply_header(sync->conns, c, req->xid, PK_Z_BAD_VERSION);
        return;
    }
    if (pk_local_apply(sync, c, PK_CHANGE_SET, z, req->data) != PK_OK) {
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
        return;
    }
    pk_local_absorbed(sync, c);
    if (z->cached != NULL)
        pk_cached_absorbed(sync, c, z);
    pk_reply_stat(sync->conns, c, req->xid, z);
}

void pk_local_delete(struct pk_sync *sync, struct pk_client *c, const struct pk_request *req,
                     struct pk_znode *z)
{
    if (version_differs(req, z->held.version)) {
        pk_reply_header(sync->conns, c, req->xid, PK_Z_BAD_VERSION);
        return;
    }
    if (z->held.nlocal > 0) {
        pk_reply_header(sync->conns, c, req->xid, PK_Z_NOT_EMPTY);
        return;
    }
    (void)!pk_local_apply(sync, c, PK_CHANGE_LOCAL_DELETE, z, (struct pk_bytes){NULL, 0}); /* cannot fail */
    pk_store_tidy(sync->store, z);
    pk_local_absorbed(sync, c);
    pk_reply_header(sync->conns, c, req->xid, PK_Z_OK);
}

void pk_local_create(struct pk_sync *sync, struct pk_client *c, const struct pk_request *req,
                     struct pk_mount *mount)
{
    struct pk_znode *z = pk_store_track(sync->store, mount, req->path);
    if (z == NULL || pk_local_apply(sync, c, PK_CHANGE_LOCAL_CREATE, z, req->data) != PK_OK) {
        pk_store_tidy(sync->store, z);
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
        return;
    }
    pk_client_note(sync->conns, &c->writes, req->path);
    pk_local_absorbed(sync, c);
    pk_reply_create(sync->conns, c, req->xid, req->path, z, req->op == PK_OP_CREATE2);
}
