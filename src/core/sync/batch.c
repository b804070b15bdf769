/*
 * The batch of a promotion: filled and sent.
 *
 * Happy path: operations from the head of what is wanted, a local parent before its children: some 20 ms of them.
 * Failure modes: one znode that is larger than a batch goes alone, and so does one that an uplink did not survive; out
 * of memory marks the uplink to end, and nothing is sent.
 */
#include "core/sync/batch.h"

#include "core/sync/promote.h"
#include "core/sync/replay.h"

enum { BATCH_LEAST = 20, BATCH_MOST = 500, BATCH_US = 20 * 1000 };

static struct pk_bytes dummy(const struct pk_sync *sync)
{
    return (struct pk_bytes){(const uint8_t *)sync->promoter.dummy, PK_DUMMY_LEN};
}

static struct pk_bytes acl_of(const struct pk_sync *sync, const struct pk_znode *z)
{
    return pk_store_acl(sync->store, z, false);
}

/* Room in a batch: operations and bytes. */
struct room {
    int64_t ops, bytes;
};

static bool takes(const struct pk_sync *sync, const struct pk_batch *b, struct room *room,
                  const struct pk_znode *z)
{
    int64_t ops = pk_replay_ops(z), bytes = (int64_t)pk_replay_len(z, acl_of(sync, z), dummy(sync));
    if (b->n > 0 &&
        (b->n == PK_BATCH_ZNODES || ops > room->ops || bytes > room->bytes || z->tracking->fails > 0))
        return false;
    room->ops -= ops;
    room->bytes -= bytes;
    return true;
}

/* Puts a wanted znode into the batch, its local parent before it; false when there is no room for it. */
static bool put(struct pk_sync *sync, struct pk_batch *b, struct room *room, struct pk_znode *z)
{
    if (pk_znode_busy(z))
        return true; /* it is in already */
    if (z->parent->held.state == PK_ZNODE_LOCAL &&
        (pk_promote_want_one(sync, z->parent) != PK_OK || !put(sync, b, room, z->parent)))
        return false;
    pk_replay_cut(z, pk_multi_most(&sync->conns->limits), acl_of(sync, z), dummy(sync));
    if (!takes(sync, b, room, z))
        return false;
    b->v[b->n++] = z;
    pk_list_del(&z->tracking->wanted);
    struct pk_change leaves = {.kind = PK_CHANGE_PROMOTING, .znode = z};
    (void)!pk_store_apply(sync->store, &leaves); /* cannot fail */
    return z->tracking->fails == 0;              /* one that broke a connection goes alone */
}

/* Fills a batch from the head of what is wanted. */
void pk_batch_fill(struct pk_sync *sync, struct pk_batch *b)
{
    struct pk_promoter *p = &sync->promoter;
    struct room room = {p->ops, (int64_t)pk_multi_room(&sync->conns->limits)};
    while (!pk_list_empty(&p->wanted)) {
        struct pk_znode *z = PK_CONTAINER(p->wanted.next, struct pk_tracking, wanted)->znode;
        if (z->held.state == PK_ZNODE_LOCAL) {
            if (!put(sync, b, &room, z))
                return;
            continue;
        }
        if (!pk_znode_held(z) && z->held.cversion > 0) {
            if (b->n > 0)
                return;
            b->parent = z;
        }
        pk_list_del(&z->tracking->wanted);
        if (b->parent != NULL)
            return;
        pk_wake_all(sync->conns, &z->tracking->waiters); /* nothing is left to be done */
        pk_store_tidy(sync->store, z);
    }
}

static uint8_t *put_pairs(struct pk_sync *sync, const struct pk_batch *b, uint8_t *p)
{
    struct pk_multi_op make = pk_replay_pair(b->parent, true, dummy(sync)),
                       drop = pk_replay_pair(b->parent, false, dummy(sync));
    for (int32_t i = 0; i < b->pairs; i++)
        p = pk_multi_op_put(pk_multi_op_put(p, &make), &drop);
    return p;
}

static size_t batch_len(struct pk_sync *sync, const struct pk_batch *b)
{
    size_t len = PK_MULTI_HEADER;
    if (b->parent != NULL) {
        struct pk_multi_op make = pk_replay_pair(b->parent, true, dummy(sync)),
                           drop = pk_replay_pair(b->parent, false, dummy(sync));
        len += (size_t)b->pairs * (pk_multi_op_len(&make) + pk_multi_op_len(&drop));
    }
    for (uint32_t i = 0; i < b->n; i++)
        len += pk_replay_len(b->v[i], acl_of(sync, b->v[i]), dummy(sync));
    return len;
}

static uint8_t *put_znode(struct pk_sync *sync, const struct pk_znode *z, uint8_t *p)
{
    int32_t ops = pk_replay_ops(z);
    for (int32_t i = 0; i < ops; i++) {
        struct pk_multi_op o = pk_replay_op(z, i, acl_of(sync, z), dummy(sync));
        p = pk_multi_op_put(p, &o);
    }
    return p;
}

/* Sends the batch's multi; false when the connection is to end. */
bool pk_batch_send(struct pk_sync *sync, struct pk_uplink *u, struct pk_batch *b)
{
    uint8_t *p;
    if (b->parent != NULL) {
        int32_t owed = b->parent->held.cversion, most = sync->promoter.ops / 2;
        b->pairs = owed < most ? owed : most;
    }
    if (pk_send_internal_body(sync->conns, u, PK_ANSWER_PROMOTION, PK_OP_MULTI, batch_len(sync, b), b, &p) ==
        NULL)
        return false;
    for (uint32_t i = 0; i < b->n; i++)
        p = put_znode(sync, b->v[i], p);
    if (b->parent != NULL) {
        p = put_pairs(sync, b, p);
        b->parent->replaying_pairs = true;
    }
    pk_put_multi(p, -1, true, -1);
    b->u = u;
    b->state = PK_BATCH_SENT;
    b->since_us = sync->conns->now_us;
    b->zxid = sync->stats->newest_zxid;
    return true;
}

/* A batch that takes as long as any, however small it is, is not made smaller: that is the way to the ensemble, or its
 * disk. */
void pk_batch_answered(struct pk_sync *sync, const struct pk_batch *b)
{
    struct pk_promoter *p = &sync->promoter;
    int64_t us = sync->conns->now_us - b->since_us;
    p->quick_us = us < p->quick_us ? us : p->quick_us + (us - p->quick_us) / 8;
    int64_t most_us = p->quick_us * 3 / 2 > BATCH_US ? p->quick_us * 3 / 2 : BATCH_US;
    if (us > most_us)
        p->ops = p->ops / 2 > BATCH_LEAST ? p->ops / 2 : BATCH_LEAST;
    else if (us < most_us * 3 / 4)
        p->ops = p->ops * 2 < BATCH_MOST ? p->ops * 2 : BATCH_MOST;
}
