/*
 * Answers to a multiRead.
 *
 * Happy path: the parts of the answer are copied one after the other, each beside the part of the request that it
 * belongs to; what memory knows of that path is put in.
 * Failure modes: an answer that does not decode, or would grow beyond all measure, is forwarded as it is; out of memory
 * marks the client to end.
 */
#include "core/serve/multi_read.h"

#include <string.h>

#include "core/serve/share.h"
#include "core/store/listing.h"
#include "core/sync/seen.h"
#include "proto/ensemble_config.h"

/* One request may name the same parent ten thousand times. */
enum { GROWS_TO = 4 << 20 };

/* The answer that is being written. */
struct parts {
    struct pk_sync *sync;
    int64_t zxid;
    struct pk_in in, asked;
    uint8_t *to;
    size_t len, cap, most;
    bool no_memory, odd, last;
    struct pk_znode *unsure;
};

bool pk_multi_read_looks(const struct pk_sync *sync, struct pk_bytes asked)
{
    struct pk_in in = pk_in(asked.p, asked.len);
    struct pk_request part;
    struct pk_mount *mount;
    while (pk_multi_next(&in, &part))
        if (pk_store_place(sync->store, part.path, &mount) != PK_OUTSIDE)
            return true;
    return pk_config_in_multi(asked);
}

/* Room for len more bytes; NULL: memory is short, or the answer too long. */
static uint8_t *room(struct parts *p, size_t len)
{
    p->odd |= len > p->most - p->len;
    if (p->odd || p->no_memory)
        return NULL;
    if (p->cap - p->len < len) {
        size_t cap = 2 * (p->len + len) + 256;
        uint8_t *grown = pk_resize(p->sync->mem, p->to, cap);
        p->no_memory = grown == NULL;
        if (grown == NULL)
            return NULL;
        p->to = grown;
        p->cap = cap;
    }
    p->len += len;
    return p->to + p->len - len;
}

static void copy(struct parts *p, const uint8_t *bytes, size_t len)
{
    uint8_t *to = room(p, len);
    if (to != NULL)
        memcpy(to, bytes, len);
}

static void put_data(struct parts *p, struct pk_bytes data, const struct pk_stat *st)
{
    uint8_t *to = room(p, PK_MULTI_HEADER + pk_bytes_len(data) + PK_STAT_LEN);
    if (to != NULL)
        pk_stat_put(pk_put_bytes(pk_put_multi(to, PK_OP_GET_DATA, false, PK_Z_OK), data), st);
}

/* The server has none, memory holds it. */
static void put_held(struct parts *p, const struct pk_request *part, struct pk_znode *z)
{
    if (part->op == PK_OP_GET_DATA) {
        struct pk_stat st;
        pk_znode_stat(z, &st);
        put_data(p, pk_blob_view(z->data), &st);
        return;
    }
    size_t len = pk_listing_len(z);
    pk_work(p->sync->conns, (size_t)z->held.nlocal);
    uint8_t *to = room(p, PK_MULTI_HEADER + 4 + len);
    if (to != NULL)
        pk_listing_put(pk_put_int(pk_put_multi(to, part->op, false, PK_Z_OK), z->held.nlocal), z);
}

static void take_error(struct parts *p, const struct pk_request *part, struct pk_znode *z,
                       const uint8_t *head)
{
    int32_t err = pk_get_int(&p->in);
    if (err == PK_Z_NO_NODE && pk_znode_held(z))
        put_held(p, part, z);
    else
        copy(p, head, (size_t)(p->in.p - head));
}

/* The server's data and Stat, brought up to what memory knows. */
static void take_data(struct parts *p, struct pk_znode *z, const uint8_t *head)
{
    struct pk_bytes data = pk_get_bytes(&p->in);
    const uint8_t *stat = pk_in_take(&p->in, PK_STAT_LEN);
    if (stat == NULL)
        return;
    if (z == NULL) {
        copy(p, head, (size_t)(p->in.p - head));
        return;
    }
    struct pk_share share = pk_share_of(p->sync, z, p->zxid);
    struct pk_stat st;
    p->unsure = share.unsure;
    pk_stat_load(&st, stat);
    if (z->cached != NULL && pk_seen_stat(p->sync, z, &st, &data, p->zxid) == PK_SEEN_OURS) {
        data = pk_blob_view(z->cached->value.data);
        pk_cached_patch(z->cached, &st);
    }
    if (share.children != 0 || share.cversion != 0)
        pk_share_add(p->sync, z, &share, share.children, &st);
    put_data(p, data, &st);
}

/* The names of the server's list, which is copied but for its count; those that are known here are marked. */
static void meet_names(struct parts *p, const struct pk_znode *z, int32_t n)
{
    pk_store_walk_begin(p->sync->store);
    for (int32_t i = 0; i < n && !p->in.bad; i++) {
        struct pk_bytes name = pk_get_bytes(&p->in);
        struct pk_znode *k = p->in.bad || z == NULL ? NULL : pk_store_child(p->sync->store, z, name);
        if (k != NULL)
            (void)pk_store_meets(p->sync->store, k);
    }
    pk_work(p->sync->conns, (size_t)n);
}

static int32_t add_names(struct parts *p, const struct pk_znode *z)
{
    int32_t added = 0;
    size_t steps = 0;
    for (const struct pk_znode *k = pk_znode_children(z); k != NULL && !p->odd; k = k->next, steps++) {
        if (k->held.state == PK_ZNODE_PROMOTING)
            p->unsure = (struct pk_znode *)k;
        if (pk_store_met(p->sync->store, k) || !pk_share_counts(k, p->zxid))
            continue;
        uint8_t *to = room(p, pk_bytes_len(pk_znode_name(k)));
        if (to != NULL)
            pk_put_bytes(to, pk_znode_name(k));
        added++;
    }
    pk_work(p->sync->conns, 2 * steps);
    return added;
}

static void take_children(struct parts *p, const struct pk_znode *z, const uint8_t *head)
{
    size_t at = p->len;
    int32_t n = pk_get_count(&p->in, 4);
    meet_names(p, z, n);
    copy(p, head, (size_t)(p->in.p - head));
    int32_t added = z != NULL && !p->in.bad ? add_names(p, z) : 0;
    if (added > 0 && !p->odd && !p->no_memory)
        pk_put32(p->to + at + PK_MULTI_HEADER, (uint32_t)n + (uint32_t)added);
}

/* One part of the answer, or its end. */
static void take(struct parts *p)
{
    struct pk_request part;
    const uint8_t *head = pk_in_take(&p->in, PK_MULTI_HEADER);
    if (head == NULL)
        return;
    p->last = head[4] != 0;
    if (p->last) {
        p->odd |= pk_in_left(&p->in) != 0;
        copy(p, head, PK_MULTI_HEADER);
        return;
    }
    if (!pk_multi_next(&p->asked, &part)) {
        p->odd = true;
        return;
    }
    struct pk_znode *z = pk_store_find(p->sync->store, part.path);
    int32_t type = (int32_t)pk_load32(head);
    if (type == -1)
        take_error(p, &part, z, head);
    else if (type == PK_OP_GET_DATA && part.op == type)
        take_data(p, z, head);
    else if (type == PK_OP_GET_CHILDREN && part.op == type)
        take_children(p, z, head);
    else
        p->odd = true;
    pk_cached_end_unused(p->sync, z);
    if (p->unsure == NULL)
        pk_store_tidy(p->sync->store, z);
}

/* The answer with what memory adds; false: there is nothing, or it is not to be read. */
static bool add_held(struct parts *p, struct pk_bytes body)
{
    while (!p->last && !p->odd && !p->in.bad && !p->no_memory && p->unsure == NULL)
        take(p);
    return !p->odd && !p->in.bad && !(p->len == body.len && memcmp(p->to, body.p, p->len) == 0);
}

/* Takes the client addresses out of body; false: memory is short. *to is freed by the caller. */
static bool take_addresses(struct pk_sync *sync, struct pk_bytes asked, struct pk_bytes *body, uint8_t **to)
{
    *to = pk_alloc(sync->mem, body->len);
    if (*to == NULL)
        return false;
    size_t n = pk_config_multi_answer(*to, *body, asked);
    if (n > 0)
        *body = (struct pk_bytes){*to, (uint32_t)n};
    return true;
}

/* Writes header and body. */
static void write_answer(struct pk_sync *sync, struct pk_client *c, const struct pk_answer_frame *a,
                         struct pk_bytes body)
{
    const size_t head = PK_LEN_WORD + PK_REPLY_HEADER;
    uint8_t *p = pk_client_room(sync->conns, c, PK_ON_MEMORY, head + body.len);
    if (p == NULL)
        return;
    memcpy(p, a->frame.p, head);
    pk_put32(p, (uint32_t)(head + body.len - PK_LEN_WORD));
    memcpy(p + head, body.p, body.len);
    pk_client_lift_zxid(c, p);
}

enum pk_multi_read pk_multi_read_answer(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                                        const struct pk_answer_frame *a)
{
    struct pk_bytes asked = pk_entry_path(e), body = a->body;
    uint8_t *without = NULL;
    struct parts p = {.sync = sync, .zxid = a->header.zxid, .asked = pk_in(asked.p, asked.len)};
    if (a->header.err != PK_Z_OK || body.len == 0)
        return PK_MULTI_READ_FORWARD;
    if (pk_config_in_multi(asked))
        p.no_memory = !take_addresses(sync, asked, &body, &without);
    p.in = pk_in(body.p, body.len);
    p.most = body.len + (size_t)GROWS_TO;
    if (add_held(&p, body))
        body = (struct pk_bytes){p.to, (uint32_t)p.len};
    if (p.no_memory)
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
    else if (p.unsure != NULL)
        pk_share_wait(sync, c, p.unsure);
    else if (body.p != a->body.p)
        write_answer(sync, c, a, body);
    pk_free(sync->mem, without);
    pk_free(sync->mem, p.to);
    if (p.unsure != NULL && !p.no_memory)
        return PK_MULTI_READ_LATER;
    return body.p != a->body.p || p.no_memory ? PK_MULTI_READ_WRITTEN : PK_MULTI_READ_FORWARD;
}
