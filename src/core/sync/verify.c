/*
 * Verifying a batch.
 *
 * Happy path: the batch had not been carried out, NONODE for each.
 * Failure modes: out of memory marks the uplink to end, and the batch is asked about again on the next one.
 */
#include "core/sync/verify.h"

#include <string.h>

#include "core/sync/replay.h"

static bool send_part(struct pk_conns *conns, struct pk_uplink *u, struct pk_batch *b,
                      enum pk_verify_part part, struct pk_bytes path)
{
    int32_t op = part == PK_VERIFY_DATA ? PK_OP_GET_DATA : PK_OP_GET_ACL;
    struct pk_entry *e = pk_send_internal(conns, u, PK_ANSWER_PROMOTION, op, path, b);
    if (e != NULL)
        e->part = (uint8_t)part;
    return e != NULL;
}

void pk_verify_send(struct pk_sync *sync, struct pk_uplink *u, struct pk_batch *b)
{
    struct pk_conns *conns = sync->conns;
    b->state = PK_BATCH_ASKED;
    b->u = u;
    b->at = 0;
    b->next = PK_VERIFY_DATA;
    b->since_us = conns->now_us;
    (void)!pk_send_internal(conns, u, PK_ANSWER_DROP, PK_OP_SYNC, pk_store_path(sync->store, b->v[0]), NULL);
    for (uint32_t i = 0; i < b->n; i++) {
        struct pk_bytes path = pk_store_path(sync->store, b->v[i]);
        if (!send_part(conns, u, b, PK_VERIFY_DATA, path) || !send_part(conns, u, b, PK_VERIFY_ACL, path))
            return;
    }
}

static bool is_sent(const struct pk_znode *z, struct pk_bytes data, const struct pk_stat *st)
{
    struct pk_bytes sent = pk_blob_view(z->data);
    return (data.p == NULL) == (sent.p == NULL) && data.len == sent.len &&
           (data.len == 0 || memcmp(data.p, sent.p, data.len) == 0) && st->version == pk_replay_version(z) &&
           st->ephemeral_owner == 0;
}

static void take_data(struct pk_batch *b, const struct pk_reply *r, struct pk_bytes body)
{
    struct pk_in in = pk_in(body.p, body.len);
    struct pk_bytes data = pk_get_bytes(&in);
    struct pk_stat st;
    b->absent = r->err == PK_Z_NO_NODE;
    b->same = false;
    if (r->err != PK_Z_OK || in.bad || pk_in_left(&in) != PK_STAT_LEN)
        return;
    pk_stat_load(&st, in.p);
    b->czxid = st.czxid;
    b->same = st.czxid > b->zxid && is_sent(b->v[b->at], data, &st);
}

/* Digests are masked when the service session may not administer the znode. */
static bool is_sent_acl(const struct pk_sync *sync, const struct pk_znode *z, struct pk_bytes acl)
{
    return pk_bytes_eq(acl, pk_store_acl(sync->store, z, false)) ||
           pk_bytes_eq(acl, pk_store_acl(sync->store, z, true));
}

enum pk_found pk_verify_answer(const struct pk_sync *sync, struct pk_batch *b, int part,
                               const struct pk_reply *r, struct pk_bytes body)
{
    bool told = r->err == PK_Z_OK || r->err == PK_Z_NO_NODE || r->err == PK_Z_NO_AUTH;
    if (part != (int)b->next || !told)
        return PK_FOUND_UNSURE;
    b->next = part == PK_VERIFY_DATA ? PK_VERIFY_ACL : PK_VERIFY_DATA;
    if (part == PK_VERIFY_DATA) {
        take_data(b, r, body);
        return PK_FOUND_MORE;
    }
    if (b->absent)
        return PK_FOUND_NOTHING;
    bool ours = b->same && r->err == PK_Z_OK && body.len >= PK_STAT_LEN &&
                is_sent_acl(sync, b->v[b->at], (struct pk_bytes){body.p, body.len - PK_STAT_LEN});
    return ours ? PK_FOUND_OURS : PK_FOUND_THEIRS;
}
