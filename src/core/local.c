/*
 * Answers from memory.
 *
 * Happy path: exists and setData of a beat: one look-up between them, data overwritten in place, two replies
 * in the arena. Failure modes: wrong versions and non-empty parents are answered as a server answers them;
 * out of memory closes the connection and changes nothing.
 */
#include "core/local.h"

#include "core/cached.h"
#include "core/intent.h"
#include "proto/path.h"

static uint8_t *reply_room(struct core *core, struct pk_conn *c, int32_t xid, int32_t err, size_t body)
{
    uint8_t *p = pk_conn_client_room(core, c, PK_LEN_WORD + PK_REPLY_HEADER + body);
    if (p == NULL)
        return NULL;
    c->sent++;
    c->local++;
    core->stats.requests_local++;
    return pk_put_reply(p, body, xid, c->emitted_zxid, err);
}

void pk_local_header(struct core *core, struct pk_conn *c, int32_t xid, int32_t err)
{
    (void)!reply_room(core, c, xid, err, 0);
}

struct pk_znode *pk_local_find(const struct core *core, struct pk_conn *c, struct pk_bytes path)
{
    const struct pk_store *store = &core->store;
    if (c->last != NULL && c->last_freed_epoch == store->forgotten && pk_znode_is_at(c->last, path))
        return c->last;
    struct pk_znode *z = pk_store_find(store, path);
    c->last = z;
    c->last_freed_epoch = store->forgotten;
    return z;
}

bool pk_local_readable(const struct core *core, struct pk_conn *c, struct pk_bytes path, int32_t op,
                       struct pk_znode **z)
{
    struct pk_znode *at = pk_local_find(core, c, path);
    *z = pk_znode_held(at) ? at : NULL;
    if (*z != NULL)
        return true;
    if (at != NULL && at->cached != NULL) {
        *z = at;
        return op == PK_OP_EXISTS && pk_cached_knows(&core->store, c, at);
    }
    if (path.len == 0 || memchr(path.p, 0, path.len) != NULL)
        return false;
    return (at == NULL || at->state == PK_ZNODE_TRACKED) &&
           pk_znode_held(pk_store_find(&core->store, pk_path_parent(path)));
}

static void put_stat_reply(struct core *core, struct pk_conn *c, int32_t xid, const struct pk_znode *z)
{
    struct pk_stat st;
    uint8_t *p = reply_room(core, c, xid, PK_Z_OK, PK_STAT_LEN);
    if (p == NULL)
        return;
    pk_znode_stat(z, &st);
    pk_stat_put(p, &st);
}

static void put_data_reply(struct core *core, struct pk_conn *c, int32_t xid, const struct pk_znode *z)
{
    size_t len = z->data != NULL ? z->data->len : 0;
    uint8_t *p = pk_conn_client_room(core, c, PK_LEN_WORD + PK_REPLY_HEADER + 4);
    if (p == NULL)
        return;
    p = pk_put_reply(p, 4 + len + PK_STAT_LEN, xid, c->emitted_zxid, PK_Z_OK);
    pk_put_int(p, z->data != NULL ? (int32_t)len : -1);
    if (len > 0 && pk_out_blob(&core->out, &c->client_out, z->data) != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return;
    }
    p = pk_out_room(&core->out, &c->client_out, PK_STAT_LEN);
    if (p == NULL) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return;
    }
    struct pk_stat st;
    pk_znode_stat(z, &st);
    pk_stat_put(p, &st);
    c->sent++;
    c->local++;
    core->stats.requests_local++;
}

static void put_children_reply(struct core *core, struct pk_conn *c, int32_t xid, const struct pk_znode *z,
                               bool stat)
{
    size_t len = 4 + (stat ? PK_STAT_LEN : 0);
    for (const struct pk_znode *k = z->children; k != NULL; k = k->next)
        if (pk_znode_held(k))
            len += pk_bytes_len(pk_znode_name(k));
    uint8_t *p = reply_room(core, c, xid, PK_Z_OK, len);
    if (p == NULL)
        return;
    p = pk_put_int(p, z->nlocal);
    for (const struct pk_znode *k = z->children; k != NULL; k = k->next)
        if (pk_znode_held(k))
            p = pk_put_bytes(p, pk_znode_name(k));
    if (!stat)
        return;
    struct pk_stat st;
    pk_znode_stat(z, &st);
    pk_stat_put(p, &st);
}

static void put_acl_reply(struct core *core, struct pk_conn *c, int32_t xid, const struct pk_znode *z)
{
    uint8_t *p = reply_room(core, c, xid, PK_Z_OK, PK_OPEN_ACL_LEN + PK_STAT_LEN);
    if (p == NULL)
        return;
    struct pk_stat st;
    pk_znode_stat(z, &st);
    pk_stat_put(pk_put_open_acl(p), &st);
}

static void put_count_reply(struct core *core, struct pk_conn *c, int32_t xid, struct pk_znode *z)
{
    int32_t n = 0;
    for (struct pk_znode *k = pk_znode_walk(z, z); k != NULL; k = pk_znode_walk(z, k))
        n += pk_znode_held(k);
    uint8_t *p = reply_room(core, c, xid, PK_Z_OK, 4);
    if (p != NULL)
        pk_put_int(p, n);
}

bool pk_local_read(struct core *core, struct pk_conn *c, int32_t xid, int32_t op, struct pk_bytes path)
{
    struct pk_znode *z;
    return pk_local_readable(core, c, path, op, &z) && pk_local_answer(core, c, xid, op, z);
}

bool pk_local_answer(struct core *core, struct pk_conn *c, int32_t xid, int32_t op, struct pk_znode *z)
{
    if (z == NULL) {
        pk_local_header(core, c, xid, PK_Z_NO_NODE);
        return true;
    }
    switch (op) {
    case PK_OP_EXISTS:
        put_stat_reply(core, c, xid, z);
        return true;
    case PK_OP_GET_DATA:
        put_data_reply(core, c, xid, z);
        return true;
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
        put_children_reply(core, c, xid, z, op == PK_OP_GET_CHILDREN2);
        return true;
    case PK_OP_GET_ACL:
        put_acl_reply(core, c, xid, z);
        return true;
    case PK_OP_GET_ALL_CHILDREN_NUMBER:
        put_count_reply(core, c, xid, z);
        return true;
    default:
        return false;
    }
}

static void absorbed(struct core *core, struct pk_conn *c)
{
    core->stats.beats_absorbed++;
    if (c->beats++ == 0)
        c->beats_us = c->blocked_us != 0 ? c->blocked_us : core->now_us;
}

static struct pk_change change_of(const struct core *core, const struct pk_conn *c, enum pk_change_kind kind,
                                  struct pk_znode *z, struct pk_bytes data)
{
    return (struct pk_change){.kind = kind,
                              .znode = z,
                              .data = data,
                              .wall_ms = core->wall_ms,
                              .now_us = core->now_us,
                              .session_id = c->session_id};
}

void pk_local_set(struct core *core, struct pk_conn *c, const struct pk_request *req, struct pk_znode *z)
{
    if (req->version != -1 && req->version != (z->cached != NULL ? z->cached->version : z->version)) {
        pk_local_header(core, c, req->xid, PK_Z_BAD_VERSION);
        return;
    }
    struct pk_change change = change_of(core, c, PK_CHANGE_SET, z, req->data);
    if (pk_store_apply(&core->store, &change) != PK_OK) {
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return;
    }
    absorbed(core, c);
    if (z->cached != NULL)
        pk_cached_absorbed(core, c, z->cached);
    put_stat_reply(core, c, req->xid, z);
}

void pk_local_delete(struct core *core, struct pk_conn *c, const struct pk_request *req, struct pk_znode *z)
{
    if (req->version != -1 && req->version != z->version) {
        pk_local_header(core, c, req->xid, PK_Z_BAD_VERSION);
        return;
    }
    if (z->nlocal > 0) {
        pk_local_header(core, c, req->xid, PK_Z_NOT_EMPTY);
        return;
    }
    struct pk_change change = change_of(core, c, PK_CHANGE_LOCAL_DELETE, z, (struct pk_bytes){NULL, 0});
    if (pk_store_apply(&core->store, &change) != PK_OK)
        return;
    pk_store_tidy(&core->store, z);
    absorbed(core, c);
    pk_local_header(core, c, req->xid, PK_Z_OK);
}

void pk_local_create(struct core *core, struct pk_conn *c, const struct pk_request *req,
                     struct pk_mount *mount)
{
    struct pk_znode *z = pk_store_track(&core->store, mount, req->path);
    struct pk_change change = change_of(core, c, PK_CHANGE_LOCAL_CREATE, z, req->data);
    if (z == NULL || pk_store_apply(&core->store, &change) != PK_OK) {
        pk_store_tidy(&core->store, z);
        pk_conn_close(core, c, PK_CLOSE_NO_MEMORY);
        return;
    }
    absorbed(core, c);
    bool stat = req->op == PK_OP_CREATE2;
    uint8_t *p = reply_room(core, c, req->xid, PK_Z_OK, pk_bytes_len(req->path) + (stat ? PK_STAT_LEN : 0));
    if (p == NULL)
        return;
    p = pk_put_bytes(p, req->path);
    if (!stat)
        return;
    struct pk_stat st;
    pk_znode_stat(z, &st);
    pk_stat_put(p, &st);
}
