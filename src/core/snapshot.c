/*
 * What outlives the process: records of held znodes, out and in (core.h).
 *
 * Happy path: a walk over each mount, parents first; each record becomes the znode that it was.
 * Failure modes: a record that does not fit in (no mount, no parent, twice, no room) changes nothing.
 */
#include "core/state.h"
#include "proto/path.h"

static bool worth_saving(const struct pk_znode *z)
{
    return pk_znode_held(z) || z->nlocal > 0 || z->cversion > 0;
}

static struct pk_znode *next_znode(struct core *core, struct core_cursor *cursor)
{
    struct pk_znode *z = cursor->at;
    for (; cursor->mount < core->store.nmounts; cursor->mount++) {
        struct pk_znode *root = core->store.mounts[cursor->mount].root;
        z = z == NULL ? root : pk_znode_walk(root, z);
        while (z != NULL && !worth_saving(z))
            z = pk_znode_walk(root, z);
        if (z != NULL)
            return z;
    }
    return NULL;
}

bool core_save_next(struct core *core, struct core_cursor *cursor, struct core_record *record)
{
    struct pk_znode *z = next_znode(core, cursor);
    cursor->at = z;
    if (z == NULL)
        return false;
    struct pk_bytes path = pk_store_path(&core->store, z);
    *record = (struct core_record){.path = path.p,
                                   .path_len = path.len,
                                   .local = pk_znode_held(z),
                                   .has_data = z->data != NULL,
                                   .data = z->data != NULL ? z->data->bytes : NULL,
                                   .data_len = z->data != NULL ? z->data->len : 0,
                                   .czxid = z->czxid,
                                   .mzxid = z->mzxid,
                                   .pzxid = z->pzxid,
                                   .ctime = z->ctime,
                                   .mtime = z->mtime,
                                   .version = z->version,
                                   .cversion = z->cversion};
    return true;
}

/* Zxids have an epoch in their upper half; the sign and what is near it are nobody's. */
static bool plausible(int64_t zxid)
{
    return zxid >= 0 && zxid <= INT64_MAX / 2;
}

/* Milliseconds that a clock may show for some 280,000 years; twice the most changed children still are an int. */
static const int64_t latest_ms = INT64_C(1) << 53;
static const int32_t most_changes = 1 << 29;

static bool some_time(int64_t ms)
{
    return ms >= 0 && ms <= latest_ms;
}

bool core_record_sane(const struct core_record *r)
{
    return plausible(r->czxid) && plausible(r->mzxid) && plausible(r->pzxid) && some_time(r->ctime) &&
           some_time(r->mtime) && r->version >= 0 && r->cversion >= 0 && r->cversion <= most_changes;
}

void core_restore_zxid(struct core *core, int64_t newest_zxid)
{
    if (plausible(newest_zxid) && newest_zxid > core->stats.newest_zxid)
        core->stats.newest_zxid = newest_zxid;
}

/* What it was; the local creates of children that follow count themselves. */
static void set_counters(struct pk_znode *z, const struct core_record *r)
{
    z->czxid = r->czxid;
    z->mzxid = r->mzxid;
    z->pzxid = r->pzxid;
    z->ctime = r->ctime;
    z->mtime = r->mtime;
    z->version = r->version;
    z->cversion = r->cversion;
}

/* Of an upstream parent only the share of memory is kept. */
static void set_parent(struct pk_znode *z, const struct core_record *r)
{
    z->czxid = r->czxid;
    z->pzxid = r->pzxid;
    z->cversion = r->cversion;
}

/* A local create counts at its parent, whose own record has counted it already. */
static enum pk_err restore_local(struct core *core, struct pk_mount *m, struct pk_znode *z,
                                 const struct core_record *r)
{
    struct pk_znode *up = z->parent;
    if (z->state != PK_ZNODE_TRACKED || z->nlocal > 0)
        return PK_EINVAL;
    if (pk_znode_held(up) &&
        up->cversion <= up->nlocal) /* its parent counts fewer creates than it has children */
        return PK_EINVAL;
    if (!pk_store_has_room(m, true, z->len + r->data_len, r->data_len))
        return PK_ELIMIT;
    int64_t up_pzxid = up->pzxid;
    int32_t up_cversion = up->cversion;
    struct pk_bytes data = {NULL, 0};
    if (r->has_data)
        data = (struct pk_bytes){r->data != NULL ? r->data : (const uint8_t *)"", (uint32_t)r->data_len};
    struct pk_change change = {.kind = PK_CHANGE_LOCAL_CREATE, .znode = z, .data = data};
    enum pk_err err = pk_store_apply(&core->store, &change);
    if (err != PK_OK)
        return err;
    core->stats.local_creates--;
    up->pzxid = up_pzxid;
    up->cversion = up_cversion;
    set_counters(z, r);
    z->restored = true;
    core->to_look = true;
    m->unpromoted = true;
    return PK_OK;
}

enum pk_err core_restore(struct core *core, const struct core_record *r)
{
    struct pk_mount *m;
    struct pk_bytes path = {r->path, (uint32_t)r->path_len};
    enum pk_place place = pk_store_place(&core->store, path, &m);
    if (place == PK_OUTSIDE || (r->local && place != PK_BELOW) || !pk_path_valid(path))
        return PK_EINVAL;
    if (!core_record_sane(r))
        return PK_EINVAL;
    struct pk_znode *z = pk_store_track(&core->store, m, path);
    if (z == NULL)
        return PK_ENOMEM;
    enum pk_err err = PK_OK;
    if (r->local)
        err = restore_local(core, m, z, r);
    else if (z->state != PK_ZNODE_TRACKED)
        err = PK_EINVAL;
    else
        set_parent(z, r);
    if (err != PK_OK)
        pk_store_tidy(&core->store, z);
    return err;
}
