/*
 * Merged answers.
 *
 * Happy path: most paths have no local children; one look-up says so and the answer streams through.
 * Failure modes: an answer that does not decode is forwarded as it is; out of memory marks the client to end.
 */
#include "core/serve/merge.h"

#include <string.h>

#include "core/serve/share.h"
#include "core/store/listing.h"
#include "core/sync/promote.h"
#include "core/sync/seen.h"
#include "proto/path.h"

/* One answer about a path of which something is known. */
struct merge {
    struct pk_sync *sync;
    struct pk_client *c;
    const struct pk_entry *e;
    const struct pk_answer_frame *a;
    struct pk_znode *z;
    struct pk_share share;
    const struct pk_cached *newest; /* what the answer is to be brought up to date from; NULL: it is */
    bool has_stat;                  /* it decoded, and stands in st */
    struct pk_stat st;
};

static bool is_read(int32_t op)
{
    const struct pk_opcode *info = pk_opcode(op);
    return info != NULL && info->route == PK_ROUTE_READ;
}

bool pk_merge_needless(const struct pk_sync *sync, const struct pk_entry *e)
{
    return e->answer == PK_ANSWER_READ && pk_store_find(sync->store, pk_entry_path(e)) == NULL;
}

/* The client's answer waits for the end of this znode's promotion, or of the replay below it. */
static enum pk_merge wait_for(struct pk_sync *sync, struct pk_client *c, struct pk_znode *z)
{
    pk_share_wait(sync, c, z);
    return PK_MERGE_LATER;
}

/* The Stat with what memory adds: so many children. */
static void put_stat(uint8_t *p, const struct merge *m, int32_t children)
{
    struct pk_stat st = m->st;
    if (m->newest != NULL)
        pk_cached_patch(m->newest, &st);
    pk_share_add(m->sync, m->z, &m->share, children, &st);
    pk_stat_put(p, &st);
}

/* Room for the first `here` bytes of an answer of len, its first `same` copied and the length word set; NULL when the
 * client is to end. */
static uint8_t *begin_part(const struct merge *m, size_t same, size_t here, size_t len)
{
    uint8_t *p = pk_client_room(m->sync->conns, m->c, PK_ON_MEMORY, here);
    if (p == NULL)
        return NULL;
    memcpy(p, m->a->frame.p, same);
    pk_client_lift_zxid(m->c, p);
    pk_put32(p, (uint32_t)(len - PK_LEN_WORD));
    m->sync->stats->merges++;
    return p;
}

static uint8_t *begin(const struct merge *m, size_t same, size_t len)
{
    return begin_part(m, same, len, len);
}

/* The Stat is the last thing in the answers of exists, getData, getACL, setData and setACL. */
static enum pk_merge merge_stat(const struct merge *m)
{
    size_t len = m->a->frame.len;
    if (!m->has_stat)
        return PK_MERGE_NOTHING;
    uint8_t *p = begin(m, len, len);
    if (p != NULL)
        put_stat(p + len - PK_STAT_LEN, m, m->share.children);
    return PK_MERGE_DONE;
}

/* getData of a cached znode: the ensemble has let the client read, memory has the newest data. */
static enum pk_merge merge_data(const struct merge *m)
{
    const size_t head = PK_LEN_WORD + PK_REPLY_HEADER;
    struct pk_bytes data = pk_blob_view(m->newest->value.data);
    uint8_t *p = begin(m, head, head + pk_bytes_len(data) + PK_STAT_LEN);
    if (p != NULL)
        put_stat(pk_put_bytes(p + head, data), m, m->share.children);
    return PK_MERGE_DONE;
}

/* An upstream listing, taken apart. */
struct listed {
    const uint8_t *end; /* of its names */
    uint32_t count;
    bool met; /* some of them are known here */
};

/* Marks the children that upstream's listing names, so that none is named twice. False: it does not decode. */
static bool meet_listed(const struct merge *m, struct listed *up)
{
    struct pk_in in = pk_in(m->a->body.p, m->a->body.len);
    int32_t n = pk_get_count(&in, 4);
    up->count = n > 0 ? (uint32_t)n : 0;
    pk_store_walk_begin(m->sync->store);
    for (int32_t i = 0; i < n && !in.bad; i++) {
        struct pk_bytes name = pk_get_bytes(&in);
        struct pk_znode *k = in.bad ? NULL : pk_store_child(m->sync->store, m->z, name);
        if (k != NULL)
            up->met |= pk_store_meets(m->sync->store, k);
    }
    pk_work(m->sync->conns, up->count);
    up->end = in.p;
    return !in.bad && pk_in_left(&in) == (m->e->op == PK_OP_GET_CHILDREN2 ? PK_STAT_LEN : 0);
}

static bool adds_name(const struct merge *m, const struct pk_znode *k)
{
    return !pk_store_met(m->sync->store, k) && pk_share_counts(k, m->a->header.zxid);
}

static size_t added_names(const struct merge *m, uint32_t *added)
{
    size_t len = 0, steps = 0;
    for (const struct pk_znode *k = pk_znode_children(m->z); k != NULL; k = k->next, steps++)
        if (adds_name(m, k)) {
            len += pk_bytes_len(pk_znode_name(k));
            ++*added;
        }
    pk_work(m->sync->conns, 2 * steps);
    return len;
}

/* The list of all local names, which readers share, when these are just what is added and many; else NULL. */
static struct pk_blob *shared_names(const struct merge *m, const struct listed *up)
{
    size_t len, steps = 0;
    if (up->met || pk_znode_moving_below(m->z) > 0)
        return NULL;
    struct pk_blob *names = pk_listing_get(m->sync->store, m->z, m->sync->conns->now_us, &len, &steps);
    pk_work(m->sync->conns, steps);
    return names;
}

/* The names behind upstream's, from the shared list; returns where a Stat is to be written, NULL without room. */
static uint8_t *add_shared(const struct merge *m, struct pk_blob *shared, bool stat)
{
    struct pk_conns *conns = m->sync->conns;
    if (pk_out_blob(&conns->out, pk_client_out(conns, m->c, PK_ON_MEMORY), shared) == PK_OK)
        return stat ? pk_client_room(conns, m->c, PK_ON_MEMORY, PK_STAT_LEN) : NULL;
    pk_conn_close(conns, &m->c->up, PK_CLOSE_NO_MEMORY);
    return NULL;
}

static uint8_t *add_names(const struct merge *m, uint8_t *p)
{
    for (const struct pk_znode *k = pk_znode_children(m->z); k != NULL; k = k->next)
        if (adds_name(m, k))
            p = pk_put_bytes(p, pk_znode_name(k));
    return p;
}

static enum pk_merge merge_names(const struct merge *m)
{
    const size_t head = PK_LEN_WORD + PK_REPLY_HEADER;
    bool stat = m->e->op == PK_OP_GET_CHILDREN2;
    struct listed up = {0};
    if (!meet_listed(m, &up))
        return PK_MERGE_NOTHING;
    struct pk_blob *shared = shared_names(m, &up);
    uint32_t added = shared != NULL ? (uint32_t)m->z->held.nlocal : 0;
    size_t more = shared != NULL ? shared->len : added_names(m, &added);
    size_t same = (size_t)(up.end - m->a->frame.p), len = m->a->frame.len + more;
    uint8_t *p = begin_part(m, same, shared != NULL ? same : len, len);
    if (p == NULL)
        return PK_MERGE_DONE;
    pk_put32(p + head, up.count + added);
    p = shared != NULL ? add_shared(m, shared, stat) : add_names(m, p + same);
    if (stat && p != NULL)
        put_stat(p, m, (int32_t)added);
    return PK_MERGE_DONE;
}

/* Where the count of a path begins in a mount; NULL: the mount has no part in it. */
static struct pk_znode *counted_from(const struct pk_sync *sync, const struct pk_mount *m,
                                     struct pk_bytes path)
{
    if (pk_path_below(m->path, path) || pk_bytes_eq(m->path, path))
        return m->root;
    return pk_path_below(path, m->path) ? pk_store_find(sync->store, path) : NULL;
}

/* Adds the local znodes below root as the server at zxid counts them. Returns one of which nobody can say whether it
 * has counted it, NULL when there is none. */
static struct pk_znode *count_below(struct pk_sync *sync, struct pk_znode *root, int64_t zxid, uint32_t *n)
{
    struct pk_znode *k = root, *unsure = NULL;
    size_t steps = 0;
    for (; k != NULL && unsure == NULL; steps++) {
        *n += k != root && pk_share_counts(k, zxid);
        if (k != root && k->held.state == PK_ZNODE_PROMOTING)
            unsure = k;
        bool sure = pk_znode_moving_below(k) == 0;
        if (sure)
            *n += pk_znode_held_below(k);
        k = sure ? pk_znode_walk_past(root, k) : pk_znode_walk(root, k);
    }
    pk_work(sync->conns, steps);
    return unsure;
}

static enum pk_merge merge_count(const struct merge *m)
{
    struct pk_store *store = m->sync->store;
    uint32_t local = 0;
    if (m->a->body.len < 4)
        return PK_MERGE_NOTHING;
    for (size_t i = 0; i < store->nmounts; i++) {
        struct pk_znode *root = counted_from(m->sync, &store->mounts[i], pk_entry_path(m->e));
        struct pk_znode *unsure = count_below(m->sync, root, m->a->header.zxid, &local);
        if (unsure != NULL)
            return wait_for(m->sync, m->c, unsure);
    }
    size_t len = m->a->frame.len;
    uint8_t *p = begin(m, len, len);
    if (p != NULL)
        pk_put32(p + len - 4, pk_load32(p + len - 4) + local);
    return PK_MERGE_DONE;
}

/* Memory holds what was asked before it was memory's to answer: of the ensemble, or of another member by a client that
 * was held. A watch is the ensemble's to keep: the znode is promoted, and the read then asked again. */
static enum pk_merge answer_held(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                                 struct pk_znode *z)
{
    bool watch = e->watch && !z->refused && !c->up.read_only;
    if (watch && !pk_znode_busy(z) && pk_promote_want_one(sync, z) != PK_OK)
        pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
    return watch || pk_znode_busy(z) ? wait_for(sync, c, z) : PK_MERGE_LOCAL;
}

static enum pk_merge judge_missing(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                                   struct pk_znode *z, int64_t zxid)
{
    if (z == NULL)
        return PK_MERGE_NOTHING;
    pk_seen_changed(z, zxid);
    bool behind = z->cached != NULL && pk_seen_missing(sync, z, zxid);
    if (!is_read(e->op))
        return PK_MERGE_NOTHING;
    if (pk_znode_held(z))
        return answer_held(sync, c, e, z);
    if (e->retried)
        return PK_MERGE_NOTHING;
    if (behind || (z->held.state == PK_ZNODE_PROMOTED && zxid < z->held.czxid))
        return PK_MERGE_AGAIN;
    return z->held.nlocal > 0 ? PK_MERGE_RECREATE : PK_MERGE_NOTHING;
}

/* What a read's Stat says of the cached value, and whether the answer is to be brought up to date from it. */
static enum pk_seen judge_cached(struct merge *m)
{
    struct pk_in in = pk_in(m->a->body.p, m->a->body.len);
    struct pk_bytes data = pk_get_bytes(&in);
    bool has_data = m->e->op == PK_OP_GET_DATA && !in.bad;
    enum pk_seen seen = pk_seen_stat(m->sync, m->z, &m->st, has_data ? &data : NULL, m->a->header.zxid);
    if (seen != PK_SEEN_OURS)
        return seen;
    if (m->e->op == PK_OP_EXISTS)
        pk_cached_read(m->c, m->z);
    const struct pk_value *v = &m->z->cached->value;
    if (m->st.version != v->version || m->st.mzxid != v->mzxid || m->st.mtime != v->mtime)
        m->newest = m->z->cached;
    return seen;
}

/* The reply to the setData that the cached value stands at shows the mzxid that readers will see. */
static bool just_written(const struct merge *m)
{
    const struct pk_value *v = &m->z->cached->value;
    return m->a->body.len == PK_STAT_LEN && m->st.czxid == v->base.czxid && m->st.version == v->version &&
           m->st.mzxid != v->mzxid;
}

/* The server had not yet seen what clients have seen here. */
static bool lags(const struct pk_znode *z, int64_t zxid)
{
    return (z->held.state == PK_ZNODE_PROMOTED && zxid < z->held.mzxid) ||
           (z->tracking != NULL && zxid < z->tracking->floor_zxid);
}

/* True when the server that answered has not seen what clients have seen here. */
static bool is_old(struct merge *m)
{
    struct pk_znode *z = m->z;
    if (!is_read(m->e->op))
        return false;
    if (z->cached == NULL)
        return !m->e->watch && lags(z, m->a->header.zxid);
    return m->has_stat && judge_cached(m) == PK_SEEN_OLDER;
}

/* An answer about a path of which something is known. */
static enum pk_merge merge_known(struct merge *m)
{
    struct pk_znode *z = m->z;
    int32_t op = m->e->op;
    if (is_read(op) && pk_znode_held(z))
        return answer_held(m->sync, m->c, m->e, z);
    m->has_stat = op != PK_OP_GET_CHILDREN && m->a->body.len >= PK_STAT_LEN;
    if (m->has_stat) {
        pk_stat_load(&m->st, m->a->body.p + m->a->body.len - PK_STAT_LEN);
        pk_seen_changed(
            z, m->st.mzxid); /* an earlier write's answer that is still on its way says nothing of this */
    }
    if (z->cached != NULL && op == PK_OP_SET_DATA && m->has_stat && just_written(m))
        m->newest = z->cached;
    if (is_old(m) && !m->e->retried)
        return PK_MERGE_AGAIN;
    m->share = pk_share_of(m->sync, z, m->a->header.zxid);
    if (m->share.unsure != NULL)
        return wait_for(m->sync, m->c, m->share.unsure);
    bool older =
        m->has_stat && m->st.pzxid < z->held.pzxid; /* than memory showed while children were local */
    if (m->share.children == 0 && m->share.cversion == 0 && m->newest == NULL && !older)
        return PK_MERGE_NOTHING;
    if (op == PK_OP_GET_CHILDREN || op == PK_OP_GET_CHILDREN2)
        return merge_names(m);
    if (op == PK_OP_GET_DATA && m->newest != NULL)
        return merge_data(m);
    return merge_stat(m);
}

enum pk_merge pk_merge(struct pk_sync *sync, struct pk_client *c, const struct pk_entry *e,
                       const struct pk_answer_frame *a)
{
    struct merge m = {.sync = sync, .c = c, .e = e, .a = a};
    if (e->answer == PK_ANSWER_COUNT && a->header.err == PK_Z_OK)
        return merge_count(&m);
    struct pk_znode *z = pk_store_find(sync->store, pk_entry_path(e));
    enum pk_merge what = PK_MERGE_NOTHING;
    if (a->header.err == PK_Z_NO_NODE) {
        what = judge_missing(sync, c, e, z, a->header.zxid);
    } else if (a->header.err == PK_Z_OK && z != NULL && e->answer == PK_ANSWER_READ) {
        m.z = z;
        what = merge_known(&m);
    }
    pk_cached_end_unused(sync, z);
    pk_store_tidy(sync->store, z);
    return what;
}
