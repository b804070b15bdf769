/*
 * Change records as bytes.
 *
 * Happy path: a beat's record is its path, its data and a hundred bytes of counters.
 * Failure modes: what does not decode, or could overflow a counter of ours, is refused whole.
 */
#include "core/peer/record.h"

enum {
    HELD_LEN = 5 * 8 + 2 * 4 + 1,
    VALUE_LEN = PK_STAT_LEN + 5 * 8 + 4 + 1,
    HAS_PARENT = 1,
    HAS_VALUE = 2,
    UNCERTAIN = 4,
};

/* Of a cached value that is in the primary's store: what is beside it there. */
static struct pk_adopted adopted_of(const struct pk_znode *z)
{
    return pk_writeback_told(pk_writeback_of(z));
}

bool pk_record_due(const struct pk_znode *z)
{
    const struct pk_tracking *t = z->tracking;
    return z->held.state != PK_ZNODE_TRACKED || z->held.nlocal > 0 || z->held.cversion > 0 ||
           z->cached != NULL || (t != NULL && (t->floor_zxid > 0 || t->replayed_pairs > 0));
}

size_t pk_record_len(const struct pk_change_record *r)
{
    size_t len = PK_FRAME_HEAD + 8 + 8 + 1 + pk_bytes_len(r->path) + HELD_LEN + pk_bytes_len(r->data);
    len += 8 + 8 + 4;
    if (r->parent != NULL)
        len += HELD_LEN + pk_bytes_len(r->parent_acl);
    if (r->value != NULL) {
        struct pk_adopted a = adopted_of(r->znode);
        len += VALUE_LEN + pk_bytes_len(r->value_data) + 4;
        len += 4 + pk_bytes_len(pk_blob_view(a.sent)) + 4 + pk_bytes_len(pk_blob_view(a.late_data));
    }
    return len;
}

static uint8_t *put_held(uint8_t *p, const struct pk_held *h)
{
    p = pk_put_long(pk_put_long(pk_put_long(p, h->czxid), h->mzxid), h->pzxid);
    p = pk_put_long(pk_put_long(p, h->ctime), h->mtime);
    p = pk_put_int(pk_put_int(p, h->version), h->cversion);
    *p = h->state;
    return p + 1;
}

static uint8_t *put_value(uint8_t *p, const struct pk_change_record *r)
{
    const struct pk_value *v = r->value;
    struct pk_adopted a = adopted_of(r->znode);
    p = pk_stat_put(p, &v->base);
    p = pk_put_long(pk_put_long(pk_put_long(p, v->shown_zxid), v->changed_zxid), v->suspect_zxid);
    p = pk_put_int(pk_put_long(pk_put_long(p, v->mzxid), v->mtime), v->version);
    p = pk_put_bytes(pk_put_bool(p, v->retired), r->value_data);
    p = pk_put_bytes(pk_put_int(pk_put_int(p, a.aversion), a.uncertain), pk_blob_view(a.sent));
    return pk_put_bytes(pk_put_int(p, a.late), pk_blob_view(a.late_data));
}

uint8_t *pk_record_put(uint8_t *p, size_t len, const struct pk_change_record *r, int64_t newest_zxid,
                       int64_t position)
{
    int what = (r->parent != NULL ? HAS_PARENT : 0) | (r->value != NULL ? HAS_VALUE : 0) |
               (r->uncertain ? UNCERTAIN : 0);
    p = pk_frame_put(p, PK_FRAME_RECORD, len - PK_FRAME_HEAD);
    p = pk_put_long(pk_put_long(p, position), newest_zxid);
    *p++ = (uint8_t)what;
    p = put_held(pk_put_bytes(p, r->path), r->held);
    p = pk_put_bytes(p, r->data);
    p = pk_put_int(pk_put_long(pk_put_long(p, r->replayed_zxid), r->floor_zxid), r->replayed_pairs);
    if (r->parent != NULL)
        p = pk_put_bytes(put_held(p, r->parent), r->parent_acl);
    return r->value != NULL ? put_value(p, r) : p;
}

static bool get_held(struct pk_in *in, struct pk_held *h)
{
    h->czxid = pk_get_long(in);
    h->mzxid = pk_get_long(in);
    h->pzxid = pk_get_long(in);
    h->ctime = pk_get_long(in);
    h->mtime = pk_get_long(in);
    h->version = pk_get_int(in);
    h->cversion = pk_get_int(in);
    const uint8_t *state = pk_in_take(in, 1);
    h->state = state != NULL ? *state : 0;
    return h->state < PK_ZNODE_STATES && h->cversion >= 0 && pk_zxid_plausible(h->czxid) &&
           pk_zxid_plausible(h->mzxid) && pk_zxid_plausible(h->pzxid);
}

static bool get_value(struct pk_in *in, struct pk_link_record *r)
{
    struct pk_value *v = &r->value;
    const uint8_t *stat = pk_in_take(in, PK_STAT_LEN);
    if (stat == NULL)
        return false;
    pk_stat_load(&v->base, stat);
    v->shown_zxid = pk_get_long(in);
    v->changed_zxid = pk_get_long(in);
    v->suspect_zxid = pk_get_long(in);
    v->mzxid = pk_get_long(in);
    v->mtime = pk_get_long(in);
    v->version = pk_get_int(in);
    v->retired = pk_get_bool(in);
    r->cached = pk_get_bytes(in);
    r->adopted.aversion = pk_get_int(in);
    r->adopted.uncertain = pk_get_int(in);
    r->sent = pk_get_bytes(in);
    r->adopted.late = pk_get_int(in);
    r->late = pk_get_bytes(in);
    return r->adopted.uncertain >= 0 && r->adopted.late >= 0;
}

bool pk_record_get(struct pk_bytes body, struct pk_link_record *r)
{
    struct pk_in in = pk_in(body.p, body.len);
    struct pk_change_record *c = &r->change;
    *r = (struct pk_link_record){.position = pk_get_long(&in)};
    r->newest_zxid = pk_get_long(&in);
    const uint8_t *what = pk_in_take(&in, 1);
    c->path = pk_get_bytes(&in);
    bool sane = get_held(&in, &r->held);
    c->held = &r->held;
    c->data = pk_get_bytes(&in);
    c->replayed_zxid = pk_get_long(&in);
    c->floor_zxid = pk_get_long(&in);
    c->replayed_pairs = pk_get_int(&in);
    if (what != NULL && (*what & HAS_PARENT) != 0) {
        sane = get_held(&in, &r->parent) && sane;
        c->parent = &r->parent;
        c->parent_acl = pk_get_bytes(&in);
    }
    if (what != NULL && (*what & HAS_VALUE) != 0) {
        sane = get_value(&in, r) && sane;
        c->value = &r->value;
        c->value_data = r->cached;
    }
    c->uncertain = what != NULL && (*what & UNCERTAIN) != 0;
    return !in.bad && sane && c->path.p != NULL && pk_zxid_plausible(r->newest_zxid);
}

size_t pk_refresh_len(const struct pk_znode *z)
{
    return PK_FRAME_HEAD + 4 * 8 + 4 + 4 + pk_znode_path_len(z) + pk_bytes_len(pk_blob_view(z->data));
}

uint8_t *pk_refresh_put(uint8_t *p, size_t len, const struct pk_znode *z, int64_t newest_zxid,
                        int64_t position)
{
    p = pk_frame_put(p, PK_FRAME_REFRESH, len - PK_FRAME_HEAD);
    p = pk_put_long(pk_put_long(p, position), newest_zxid);
    p = pk_put_int(pk_put_long(pk_put_long(p, z->held.mzxid), z->held.mtime), z->held.version);
    uint8_t *path = p + PK_LEN_WORD;
    uint8_t *end = pk_znode_path_put(path, z);
    pk_put32(p, (uint32_t)(end - path));
    return pk_put_bytes(end, pk_blob_view(z->data));
}

bool pk_refresh_get(struct pk_bytes body, struct pk_link_refresh *r)
{
    struct pk_in in = pk_in(body.p, body.len);
    *r = (struct pk_link_refresh){.position = pk_get_long(&in)};
    r->newest_zxid = pk_get_long(&in);
    r->held.mzxid = pk_get_long(&in);
    r->held.mtime = pk_get_long(&in);
    r->held.version = pk_get_int(&in);
    r->path = pk_get_bytes(&in);
    r->data = pk_get_bytes(&in);
    return !in.bad && r->path.p != NULL && pk_zxid_plausible(r->newest_zxid) &&
           pk_zxid_plausible(r->held.mzxid);
}
