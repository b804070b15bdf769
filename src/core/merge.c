/*
 * Merged answers.
 *
 * Happy path: most paths have no local children; one look-up says so and the answer streams through.
 * Failure modes: an answer that does not decode is forwarded as it is; out of memory closes the connection.
 */
#include "core/merge.h"

#include "core/cached.h"
#include "proto/path.h"

static struct pk_bytes entry_path(const struct pk_entry *e)
{
    return (struct pk_bytes){e->path->bytes, e->path->len};
}

static bool is_read(int32_t op)
{
    const struct pk_opcode *info = pk_opcode(op);
    return info != NULL && info->route == PK_ROUTE_READ;
}

bool pk_merge_needless(const struct core *core, const struct pk_entry *e)
{
    return e->answer == PK_ANSWER_READ && pk_store_find(&core->store, entry_path(e)) == NULL;
}

/* What memory adds to a parent as the server at this zxid sees it. */
struct share {
    int32_t children, cversion;
    bool unsure; /* a child, or local deletes, are being promoted by another connection */
};

static bool child_counts(const struct pk_znode *k, int64_t zxid)
{
    if (k->state == PK_ZNODE_REPLAYING || k->state == PK_ZNODE_PROMOTED)
        return k->czxid > zxid;
    return pk_znode_held(k);
}

static struct share share_of(const struct core *core, const struct pk_conn *c, const struct pk_znode *z,
                             int64_t zxid)
{
    struct share s = {.unsure = z->replaying_pairs};
    if (core->promoting == 0 && pk_list_empty(&core->store.recent)) {
        s.children = z->nlocal;
    } else {
        for (const struct pk_znode *k = z->children; k != NULL; k = k->next) {
            s.children += child_counts(k, zxid);
            s.unsure = s.unsure || (k->state == PK_ZNODE_PROMOTING && c->promotion == NULL);
        }
    }
    int32_t local_deletes = z->cversion;
    if (z->aux != NULL && zxid < z->aux->replayed_zxid)
        local_deletes += z->aux->replayed_pairs;
    s.cversion = s.children + 2 * local_deletes;
    return s;
}

/* l: of a cached znode whose answer is to show the newest data, else NULL. */
static void patch_stat(uint8_t *p, const struct pk_znode *z, const struct share *s, int32_t children,
                       const struct pk_cached *l)
{
    struct pk_stat st;
    pk_stat_load(&st, p);
    if (l != NULL)
        pk_cached_patch(l, &st);
    st.num_children += children;
    st.cversion += s->cversion - s->children + children;
    if (st.pzxid < z->pzxid)
        st.pzxid = z->pzxid;
    pk_stat_put(p, &st);
}

static void compare_czxid(struct pk_znode *z, const uint8_t *stat)
{
    struct pk_stat st;
    pk_stat_load(&st, stat);
    pk_store_seen(z, st.czxid);
}

/* Writes frame with `more` further bytes behind it already accounted for in the length word; returns the
 * copy. */
static uint8_t *copy_out(struct core *core, struct pk_conn *c, const uint8_t *frame, size_t len, size_t more)
{
    uint8_t *p = pk_conn_client_room(core, c, len + more);
    if (p == NULL)
        return NULL;
    memcpy(p, frame, len);
    pk_conn_lift_zxid(c, p);
    pk_put32(p, (uint32_t)(len + more - PK_LEN_WORD));
    core->stats.merges++;
    return p;
}

/* The Stat is the last thing in the answers of exists, getData, getACL, setData and setACL. */
static enum pk_merge merge_stat(struct core *core, struct pk_conn *c, struct pk_znode *z,
                                const uint8_t *frame, size_t len, const struct share *s,
                                const struct pk_cached *l)
{
    if (len < PK_LEN_WORD + PK_REPLY_HEADER + PK_STAT_LEN)
        return PK_MERGE_NOTHING;
    compare_czxid(z, frame + len - PK_STAT_LEN);
    uint8_t *p = copy_out(core, c, frame, len, 0);
    if (p != NULL)
        patch_stat(p + len - PK_STAT_LEN, z, s, s->children, l);
    return PK_MERGE_DONE;
}

/* getData of a cached znode: the ensemble has let the client read, memory has the newest data. */
static enum pk_merge merge_data(struct core *core, struct pk_conn *c, struct pk_znode *z,
                                const uint8_t *frame, size_t len, const struct share *s,
                                const struct pk_cached *l)
{
    const size_t head = PK_LEN_WORD + PK_REPLY_HEADER;
    struct pk_bytes data = {NULL, 0};
    if (l->data != NULL)
        data = (struct pk_bytes){l->data->bytes, l->data->len};
    const uint8_t *stat = frame + len - PK_STAT_LEN;
    compare_czxid(z, stat);
    size_t total = head + pk_bytes_len(data) + PK_STAT_LEN;
    uint8_t *p = pk_conn_client_room(core, c, total);
    if (p == NULL)
        return PK_MERGE_DONE;
    memcpy(p, frame, head);
    pk_conn_lift_zxid(c, p);
    pk_put32(p, (uint32_t)(total - PK_LEN_WORD));
    p = pk_put_bytes(p + head, data);
    memcpy(p, stat, PK_STAT_LEN);
    patch_stat(p, z, s, s->children, l);
    core->stats.merges++;
    return PK_MERGE_DONE;
}

/* Stamps the children that upstream's listing names, so that none is named twice; returns where the names
 * end. */
static const uint8_t *mark_listed(struct core *core, const struct pk_znode *z, struct pk_in *in,
                                  uint32_t *count)
{
    int32_t n = pk_get_count(in, 4);
    *count = n > 0 ? (uint32_t)n : 0;
    for (int32_t i = 0; i < n; i++) {
        struct pk_bytes name = pk_get_bytes(in);
        if (in->bad)
            return NULL;
        struct pk_znode *k = pk_store_child(&core->store, z, name);
        if (k != NULL)
            k->listed = true;
    }
    return in->bad ? NULL : in->p;
}

static bool adds_name(const struct pk_znode *k, int64_t zxid)
{
    return child_counts(k, zxid) && !k->listed;
}

static size_t added_names(const struct pk_znode *z, int64_t zxid, uint32_t *added)
{
    size_t len = 0;
    for (const struct pk_znode *k = z->children; k != NULL; k = k->next)
        if (adds_name(k, zxid)) {
            len += pk_bytes_len(pk_znode_name(k));
            ++*added;
        }
    return len;
}

static void unmark_listed(struct pk_znode *z)
{
    for (struct pk_znode *k = z->children; k != NULL; k = k->next)
        k->listed = false;
}

static enum pk_merge merge_names(struct core *core, struct pk_conn *c, struct pk_znode *z,
                                 const uint8_t *frame, size_t len, int64_t zxid, const struct share *s,
                                 bool has_stat, const struct pk_cached *l)
{
    const size_t head = PK_LEN_WORD + PK_REPLY_HEADER;
    struct pk_in in = pk_in(frame + head, len - head);
    uint32_t count, added = 0;
    const uint8_t *end = mark_listed(core, z, &in, &count);
    bool decodes = end != NULL && pk_in_left(&in) == (has_stat ? PK_STAT_LEN : 0);
    size_t more = added_names(z, zxid, &added);
    uint8_t *p = decodes ? pk_conn_client_room(core, c, len + more) : NULL;
    if (p == NULL) {
        unmark_listed(z);
        return decodes ? PK_MERGE_DONE : PK_MERGE_NOTHING;
    }
    size_t upto = (size_t)(end - frame);
    memcpy(p, frame, upto);
    pk_conn_lift_zxid(c, p);
    pk_put32(p, (uint32_t)(len + more - PK_LEN_WORD));
    pk_put32(p + head, count + added);
    p += upto;
    for (const struct pk_znode *k = z->children; k != NULL; k = k->next)
        if (adds_name(k, zxid))
            p = pk_put_bytes(p, pk_znode_name(k));
    unmark_listed(z);
    if (has_stat) {
        compare_czxid(z, end);
        memcpy(p, end, PK_STAT_LEN);
        patch_stat(p, z, s, (int32_t)added, l);
    }
    core->stats.merges++;
    return PK_MERGE_DONE;
}

static enum pk_merge merge_count(struct core *core, struct pk_conn *c, struct pk_bytes path,
                                 const uint8_t *frame, size_t len, int64_t zxid)
{
    if (len < PK_LEN_WORD + PK_REPLY_HEADER + 4)
        return PK_MERGE_NOTHING;
    uint32_t local = 0;
    for (size_t i = 0; i < core->store.nmounts; i++) {
        const struct pk_mount *m = &core->store.mounts[i];
        struct pk_znode *root = m->root;
        if (!pk_path_below(m->path, path) && !pk_bytes_eq(m->path, path)) {
            if (!pk_path_below(path, m->path))
                continue;
            root = pk_store_find(&core->store, path);
        }
        for (struct pk_znode *k = root; k != NULL; k = pk_znode_walk(root, k)) {
            if (k->state == PK_ZNODE_PROMOTING && c->promotion == NULL)
                return PK_MERGE_LATER; /* the answer may count it already */
            local += k != root && child_counts(k, zxid);
        }
    }
    uint8_t *p = copy_out(core, c, frame, len, 0);
    if (p != NULL)
        pk_put32(p + len - 4, pk_load32(p + len - 4) + local);
    return PK_MERGE_DONE;
}

static enum pk_merge judge_missing(struct core *core, const struct pk_entry *e, struct pk_znode *z,
                                   int64_t zxid)
{
    if (z == NULL)
        return PK_MERGE_NOTHING;
    pk_cached_changed(z, zxid);
    bool behind = z->cached != NULL && pk_cached_missing(core, z, zxid);
    if (e->retried || !is_read(e->op))
        return PK_MERGE_NOTHING;
    if (pk_znode_held(z))
        return e->watch ? PK_MERGE_NOTHING : PK_MERGE_LOCAL;
    if (behind || (z->state == PK_ZNODE_PROMOTED && zxid < z->czxid))
        return PK_MERGE_AGAIN;
    return z->nlocal > 0 ? PK_MERGE_RECREATE : PK_MERGE_NOTHING;
}

/* What a read's Stat says of the cached znode, and whether the answer is to be brought up to date from it (*newest). */
static enum pk_seen judge_cached(struct core *core, struct pk_conn *c, const struct pk_entry *e,
                                 struct pk_znode *z, const uint8_t *frame, size_t len, int64_t zxid,
                                 const struct pk_cached **newest)
{
    struct pk_stat st;
    pk_stat_load(&st, frame + len - PK_STAT_LEN);
    struct pk_in in = pk_in(frame + PK_LEN_WORD + PK_REPLY_HEADER, len - PK_LEN_WORD - PK_REPLY_HEADER);
    struct pk_bytes data = pk_get_bytes(&in);
    enum pk_seen seen = pk_cached_saw(core, z, &st, e->op == PK_OP_GET_DATA && !in.bad ? &data : NULL, zxid);
    if (seen != PK_SEEN_OURS)
        return seen;
    if (e->op == PK_OP_EXISTS)
        pk_cached_read(c, z);
    const struct pk_cached *l = z->cached;
    if (st.version != l->version || st.mzxid != l->mzxid || st.mtime != l->mtime)
        *newest = l;
    return seen;
}

/* The reply to the setData that the cached znode stands at shows the mzxid that readers will see. */
static const struct pk_cached *just_written(const struct pk_cached *l, const uint8_t *frame, size_t len)
{
    struct pk_stat st;
    if (len != PK_LEN_WORD + PK_REPLY_HEADER + PK_STAT_LEN)
        return NULL;
    pk_stat_load(&st, frame + len - PK_STAT_LEN);
    return st.czxid == l->base.czxid && st.version == l->version && st.mzxid != l->mzxid ? l : NULL;
}

/* The server had not yet seen what clients have seen here. */
static bool lags(const struct pk_znode *z, int64_t zxid)
{
    return (z->state == PK_ZNODE_PROMOTED && zxid < z->mzxid) ||
           (z->aux != NULL && zxid < z->aux->floor_zxid);
}

/* The answer to an earlier write that is still on its way says nothing of what this one shows. */
static void note_written(struct pk_znode *z, const struct pk_entry *e, const uint8_t *frame, size_t len)
{
    struct pk_stat st;
    if (z->aux == NULL || e->op == PK_OP_GET_CHILDREN || len < PK_LEN_WORD + PK_REPLY_HEADER + PK_STAT_LEN)
        return;
    pk_stat_load(&st, frame + len - PK_STAT_LEN);
    pk_cached_changed(z, st.mzxid);
}

/* An answer about a path of which something is known. */
static enum pk_merge merge_known(struct core *core, struct pk_conn *c, const struct pk_entry *e,
                                 struct pk_znode *z, const uint8_t *frame, size_t len, int64_t zxid)
{
    const struct pk_cached *newest = NULL;
    bool cached = z->cached != NULL && is_read(e->op), has_stat = e->op != PK_OP_GET_CHILDREN;
    note_written(z, e, frame, len);
    if (z->cached != NULL && e->op == PK_OP_SET_DATA)
        newest = just_written(z->cached, frame, len);
    if (cached && has_stat && len >= PK_LEN_WORD + PK_REPLY_HEADER + PK_STAT_LEN &&
        judge_cached(core, c, e, z, frame, len, zxid, &newest) == PK_SEEN_OLDER && !e->retried)
        return PK_MERGE_AGAIN;
    if (z->cached == NULL && is_read(e->op) && !e->watch && !e->retried && lags(z, zxid))
        return PK_MERGE_AGAIN;
    struct share s = share_of(core, c, z, zxid);
    if (s.unsure)
        return PK_MERGE_LATER;
    if (s.children == 0 && s.cversion == 0 && newest == NULL)
        return PK_MERGE_NOTHING;
    if (!has_stat || e->op == PK_OP_GET_CHILDREN2)
        return merge_names(core, c, z, frame, len, zxid, &s, has_stat, newest);
    if (e->op == PK_OP_GET_DATA && newest != NULL)
        return merge_data(core, c, z, frame, len, &s, newest);
    return merge_stat(core, c, z, frame, len, &s, newest);
}

enum pk_merge pk_merge(struct core *core, struct pk_conn *c, const struct pk_entry *e, const uint8_t *frame,
                       size_t len)
{
    struct pk_reply r;
    pk_reply_load(&r, frame + PK_LEN_WORD);
    struct pk_bytes path = entry_path(e);
    if (e->answer == PK_ANSWER_COUNT && r.err == PK_Z_OK)
        return merge_count(core, c, path, frame, len, r.zxid);
    struct pk_znode *z = pk_store_find(&core->store, path);
    enum pk_merge what = PK_MERGE_NOTHING;
    if (r.err == PK_Z_NO_NODE)
        what = judge_missing(core, e, z, r.zxid);
    else if (r.err == PK_Z_OK && z != NULL && e->answer == PK_ANSWER_READ)
        what = merge_known(core, c, e, z, frame, len, r.zxid);
    if (z == NULL)
        return what;
    if (z->cached != NULL)
        pk_cached_end_unused(core, z->cached);
    pk_store_tidy(&core->store, z);
    return what;
}
