/*
 * Copies.
 *
 * Happy path: a beat's record overwrites data in place.
 * Failure modes: memory short, or a record that cannot be: the copy ends, and the link with it; a new one begins with a
 * new snapshot. Taking over, what the ensemble may have been told is left uncertain, and is looked at.
 */
#include "core/peer/copy.h"

#include <string.h>

#include "core/sync/promote.h"

/* A cached value of a copy. */
struct copied {
    struct pk_cached cached;
    int32_t aversion;
    bool flies; /* there is a flight of its path */
};

/* Of a cached value: flushes whose end the copy does not know. */
struct flight {
    struct pk_list list;
    struct pk_blob *path;
    struct pk_adopted adopted;
};

struct pk_copy *pk_copy_new(const struct pk_store *like, int64_t epoch)
{
    struct pk_copy *copy = pk_zalloc(like->mem, sizeof *copy);
    if (copy == NULL)
        return NULL;
    copy->epoch = epoch;
    pk_list_init(&copy->flights);
    pk_store_init(&copy->store, like->mem, &copy->stats, like->seed, sizeof(struct copied));
    enum pk_err err = PK_OK;
    for (size_t i = 0; err == PK_OK && i < like->nmounts; i++)
        err = pk_store_add_mount(&copy->store, &like->mounts[i].config);
    if (err != PK_OK)
        pk_copy_drop(&copy);
    return copy;
}

static void land(struct pk_copy *copy, struct flight *f)
{
    const struct pk_mem *mem = copy->store.mem;
    pk_list_del(&f->list);
    pk_blob_unref(mem, f->path);
    pk_blob_unref(mem, f->adopted.sent);
    pk_blob_unref(mem, f->adopted.late_data);
    pk_free(mem, f);
}

void pk_copy_drop(struct pk_copy **copy)
{
    struct pk_copy *c = *copy;
    if (c == NULL)
        return;
    const struct pk_mem *mem = c->store.mem;
    *copy = NULL;
    PK_LIST_EACH(at, tmp, &c->flights)
        land(c, PK_CONTAINER(at, struct flight, list));
    pk_store_drop(&c->store);
    pk_free(mem, c);
}

static struct flight *find_flight(const struct pk_copy *copy, struct pk_bytes path)
{
    for (struct pk_list *at = copy->flights.next; at != &copy->flights; at = at->next) {
        struct flight *f = PK_CONTAINER(at, struct flight, list);
        if (pk_bytes_eq(pk_blob_view(f->path), path))
            return f;
    }
    return NULL;
}

static struct pk_blob *blob_of(const struct pk_mem *mem, struct pk_bytes b, enum pk_err *err)
{
    struct pk_blob *blob = b.p != NULL ? pk_blob_new(mem, b.p, b.len) : NULL;
    if (b.p != NULL && blob == NULL)
        *err = PK_ENOMEM;
    return blob;
}

static enum pk_err take_off(struct pk_copy *copy, const struct pk_link_record *r)
{
    const struct pk_mem *mem = copy->store.mem;
    enum pk_err err = PK_OK;
    struct flight *f = pk_zalloc(mem, sizeof *f);
    if (f == NULL)
        return PK_ENOMEM;
    pk_list_add_tail(&copy->flights, &f->list);
    f->adopted = r->adopted;
    f->path = blob_of(mem, r->change.path, &err);
    f->adopted.sent = blob_of(mem, r->sent, &err);
    f->adopted.late_data = blob_of(mem, r->late, &err);
    return err;
}

/* What the record says of flushes under way replaces what was known of them. */
static enum pk_err apply_flight(struct pk_copy *copy, const struct pk_link_record *r)
{
    struct pk_znode *z = pk_store_find(&copy->store, r->change.path);
    struct copied *now = z != NULL && z->cached != NULL ? (struct copied *)z->cached : NULL;
    bool flies = r->change.value != NULL && (r->adopted.uncertain > 0 || r->adopted.late > 0);
    struct flight *before = !pk_list_empty(&copy->flights) ? find_flight(copy, r->change.path) : NULL;
    if (before != NULL)
        land(copy, before);
    if (now == NULL)
        return PK_OK;
    now->aversion = r->adopted.aversion;
    now->flies = flies;
    return flies ? take_off(copy, r) : PK_OK;
}

static void applied(struct pk_copy *copy, int64_t position, int64_t newest_zxid)
{
    if (newest_zxid > copy->stats.newest_zxid)
        copy->stats.newest_zxid = newest_zxid;
    copy->position = position;
}

enum pk_err pk_copy_apply(struct pk_copy *copy, const struct pk_link_record *r)
{
    enum pk_err err = pk_store_replay(&copy->store, &r->change);
    if (err == PK_OK)
        err = apply_flight(copy, r);
    applied(copy, r->position, r->newest_zxid);
    return err;
}

enum pk_err pk_copy_refresh(struct pk_copy *copy, const struct pk_link_refresh *r)
{
    struct pk_change c = {.kind = PK_CHANGE_SET, .data = r->data, .held = &r->held};
    c.znode = pk_store_find(&copy->store, r->path);
    if (c.znode == NULL || c.znode->held.state != PK_ZNODE_LOCAL || c.znode->cached != NULL)
        return PK_EINVAL;
    enum pk_err err = pk_store_apply(&copy->store, &c);
    applied(copy, r->position, r->newest_zxid);
    return err;
}

struct pk_adopted pk_copy_adopted(struct pk_copy *copy, const struct pk_znode *z)
{
    const struct copied *c = (const struct copied *)z->cached;
    const struct flight *f = c->flies ? find_flight(copy, pk_store_path(&copy->store, z)) : NULL;
    return f != NULL ? f->adopted : (struct pk_adopted){.aversion = c->aversion};
}

/* A local znode is compared with the ensemble, one whose promotion was under way is asked about. */
static enum pk_err adopt_local(struct pk_sync *sync, struct pk_znode *z)
{
    struct pk_mount *m = pk_store_mount(sync->store, z);
    z->restored = true;
    m->unpromoted = true;
    sync->service.to_compare = sync->service.to_hand_over = true;
    return pk_znode_busy(z) ? pk_promote_adopt(sync, z) : PK_OK;
}

static enum pk_err restore_one(struct pk_copy *copy, struct pk_sync *sync, const struct pk_znode *from)
{
    struct pk_change_record r = pk_store_record(&copy->store, from);
    r.now_us = sync->conns->now_us;
    r.shared = from->data;
    enum pk_err err = pk_store_replay(sync->store, &r);
    struct pk_znode *z = err == PK_OK ? pk_store_find(sync->store, r.path) : NULL;
    if (z == NULL)
        return err;
    if (pk_znode_held(z))
        err = adopt_local(sync, z);
    if (z->cached != NULL) {
        struct pk_adopted adopted = pk_copy_adopted(copy, from);
        pk_writeback_adopt(sync, z, &adopted);
        pk_store_tidy(sync->store, z);
    }
    return err;
}

void pk_copy_restore_begin(struct pk_copy *copy, struct pk_sync *sync, struct pk_cursor *cursor)
{
    if (copy->stats.newest_zxid > sync->stats->newest_zxid)
        sync->stats->newest_zxid = copy->stats.newest_zxid;
    pk_cursor_begin(&copy->store, cursor);
}

enum pk_err pk_copy_restore(struct pk_copy *copy, struct pk_sync *sync, struct pk_cursor *cursor, int most,
                            bool *whole)
{
    enum pk_err err = PK_OK;
    struct pk_znode *z = NULL;
    for (int n = 0; err == PK_OK && n < most; n++) {
        z = pk_cursor_next(&copy->store, cursor);
        if (z == NULL)
            break;
        if (pk_record_due(z))
            err = restore_one(copy, sync, z);
    }
    *whole = err == PK_OK && z == NULL;
    return err;
}
