/*
 * Replies from memory.
 *
 * Happy path: a header and a Stat in the arena, data as a reference to its blob.
 * Failure modes: out of memory marks the client to end; what was begun is never sent.
 */
#include "core/serve/reply.h"

#include "core/store/cached.h"
#include "core/store/listing.h"

static void count(struct pk_conns *conns, struct pk_client *c)
{
    c->sent++;
    c->local++;
    conns->stats->requests_local++;
}

static uint8_t *room(struct pk_conns *conns, struct pk_client *c, int32_t xid, int32_t err, size_t body)
{
    uint8_t *p = pk_client_room(conns, c, PK_ON_MEMORY, PK_LEN_WORD + PK_REPLY_HEADER + body);
    if (p == NULL)
        return NULL;
    count(conns, c);
    return pk_put_reply(p, body, xid, c->emitted_zxid, err);
}

static uint8_t *put_stat(uint8_t *p, const struct pk_znode *z)
{
    struct pk_stat st;
    pk_znode_stat(z, &st);
    return pk_stat_put(p, &st);
}

void pk_reply_header(struct pk_conns *conns, struct pk_client *c, int32_t xid, int32_t err)
{
    (void)!room(conns, c, xid, err, 0);
}

void pk_reply_stat(struct pk_conns *conns, struct pk_client *c, int32_t xid, const struct pk_znode *z)
{
    uint8_t *p = room(conns, c, xid, PK_Z_OK, PK_STAT_LEN);
    if (p != NULL)
        put_stat(p, z);
}

void pk_reply_data(struct pk_conns *conns, struct pk_client *c, int32_t xid, const struct pk_znode *z)
{
    size_t len = z->data != NULL ? z->data->len : 0;
    uint8_t *p = pk_client_room(conns, c, PK_ON_MEMORY, PK_LEN_WORD + PK_REPLY_HEADER + 4);
    if (p == NULL)
        return;
    p = pk_put_reply(p, 4 + len + PK_STAT_LEN, xid, c->emitted_zxid, PK_Z_OK);
    pk_put_int(p, z->data != NULL ? (int32_t)len : -1);
    bool written =
        len == 0 || pk_out_blob(&conns->out, pk_client_out(conns, c, PK_ON_MEMORY), z->data) == PK_OK;
    p = written ? pk_out_room(&conns->out, pk_client_out(conns, c, PK_ON_MEMORY), PK_STAT_LEN) : NULL;
    if (p == NULL) {
        pk_conn_close(conns, &c->up, PK_CLOSE_NO_MEMORY);
        return;
    }
    put_stat(p, z);
    count(conns, c);
}

/* A long list is shared between its readers. */
static void reply_listing(struct pk_conns *conns, struct pk_client *c, int32_t xid, const struct pk_znode *z,
                          struct pk_blob *names, bool stat)
{
    size_t tail = stat ? PK_STAT_LEN : 0;
    uint8_t *p = pk_client_room(conns, c, PK_ON_MEMORY, PK_LEN_WORD + PK_REPLY_HEADER + 4);
    if (p == NULL)
        return;
    p = pk_put_reply(p, 4 + names->len + tail, xid, c->emitted_zxid, PK_Z_OK);
    pk_put_int(p, z->held.nlocal);
    bool written = pk_out_blob(&conns->out, pk_client_out(conns, c, PK_ON_MEMORY), names) == PK_OK;
    p = written && stat ? pk_out_room(&conns->out, pk_client_out(conns, c, PK_ON_MEMORY), PK_STAT_LEN) : NULL;
    if (!written || (stat && p == NULL)) {
        pk_conn_close(conns, &c->up, PK_CLOSE_NO_MEMORY);
        return;
    }
    if (stat)
        put_stat(p, z);
    count(conns, c);
}

void pk_reply_children(struct pk_store *store, struct pk_conns *conns, struct pk_client *c, int32_t xid,
                       struct pk_znode *z, bool stat)
{
    size_t len = 0, steps = 0;
    struct pk_blob *names = pk_listing_get(store, z, conns->now_us, &len, &steps);
    pk_work(conns, steps);
    if (names != NULL) {
        reply_listing(conns, c, xid, z, names, stat);
        return;
    }
    uint8_t *p = room(conns, c, xid, PK_Z_OK, 4 + len + (stat ? PK_STAT_LEN : 0));
    if (p == NULL)
        return;
    p = pk_listing_put(pk_put_int(p, z->held.nlocal), z);
    if (stat)
        put_stat(p, z);
}

void pk_reply_acl(struct pk_conns *conns, struct pk_client *c, int32_t xid, const struct pk_znode *z,
                  struct pk_bytes acl)
{
    uint8_t *p = room(conns, c, xid, PK_Z_OK, acl.len + PK_STAT_LEN);
    if (p == NULL)
        return;
    memcpy(p, acl.p, acl.len);
    put_stat(p + acl.len, z);
}

void pk_reply_multi_error(struct pk_conns *conns, struct pk_client *c, int32_t xid, uint32_t n, uint32_t at,
                          int32_t err)
{
    uint8_t *p = room(conns, c, xid, PK_Z_OK, (size_t)n * (PK_MULTI_HEADER + 4) + PK_MULTI_HEADER);
    for (uint32_t i = 0; p != NULL && i < n; i++) {
        int32_t code = i < at ? PK_Z_OK : i == at ? err : PK_Z_RUNTIME_INCONSISTENCY;
        p = pk_put_int(pk_put_multi(p, -1, false, code), code);
    }
    if (p != NULL)
        pk_put_multi(p, -1, true, -1);
}

void pk_reply_count(struct pk_conns *conns, struct pk_client *c, int32_t xid, const struct pk_znode *z)
{
    uint8_t *p = room(conns, c, xid, PK_Z_OK, 4);
    if (p != NULL)
        pk_put_int(p, (int32_t)pk_znode_held_below(z));
}

void pk_reply_create(struct pk_conns *conns, struct pk_client *c, int32_t xid, struct pk_bytes path,
                     const struct pk_znode *z, bool stat)
{
    uint8_t *p = room(conns, c, xid, PK_Z_OK, pk_bytes_len(path) + (stat ? PK_STAT_LEN : 0));
    if (p == NULL)
        return;
    p = pk_put_bytes(p, path);
    if (stat)
        put_stat(p, z);
}
