/*
 * What outlives the process: records of held znodes, out and in (core.h).
 *
 * Happy path: a walk over each mount, parents first; each record becomes the znode that it was.
 * Failure modes: a record that does not fit in (no mount, twice, no room, the ensemble's below a local one) changes
 * nothing.
 */
#include "core/core.h"
#include "core/state.h"
#include "core/sync/replay.h"
#include "proto/path.h"

static bool worth_saving(const struct pk_znode *z)
{
    return pk_znode_held(z) || z->held.nlocal > 0 || z->held.cversion > 0;
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
                                   .czxid = z->held.czxid,
                                   .mzxid = z->held.mzxid,
                                   .pzxid = z->held.pzxid,
                                   .ctime = z->held.ctime,
                                   .mtime = z->held.mtime,
                                   .version = z->held.version,
                                   .cversion = z->held.cversion};
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

/* All below a local znode is local: what a record says is not where it says. */
static bool is_misplaced(const struct pk_znode *z, bool local)
{
    const struct pk_znode *up = z->parent;
    if (local && pk_znode_children(z) != NULL) /* parents are first */
        return true;
    if (local && pk_znode_held(up))
        return false;
    while (up != NULL && !pk_znode_held(up))
        up = up->parent;
    return up != NULL;
}

static enum pk_err restore_local(struct core *core, struct pk_mount *m, struct pk_znode *z,
                                 const struct core_record *r, const struct pk_held *held)
{
    const struct pk_znode *up = z->parent;
    if (z->held.state != PK_ZNODE_TRACKED)
        return PK_EINVAL;
    if (pk_znode_held(up) && up->held.nlocal >= up->held.cversion)
        return PK_EINVAL; /* each child was counted there when it was created */
    if (!pk_store_has_room(m, true, z->len + r->data_len, r->data_len))
        return PK_ELIMIT;
    struct pk_change change = {.kind = PK_CHANGE_RESTORED, .znode = z, .held = held};
    if (r->has_data)
        change.data =
            (struct pk_bytes){r->data != NULL ? r->data : (const uint8_t *)"", (uint32_t)r->data_len};
    enum pk_err err = pk_store_apply(&core->store, &change);
    if (err != PK_OK)
        return err;
    z->restored = true;
    m->unpromoted = true;
    core->sync.service.to_compare = core->sync.service.to_hand_over = true;
    return PK_OK;
}

/* Of an upstream parent only the share of memory is kept: no more local deletes than a running one comes to owe. */
static enum pk_err restore_share(struct core *core, struct pk_znode *z, struct pk_held *held)
{
    struct pk_change change = {.kind = PK_CHANGE_SHARE_RESTORED, .znode = z, .held = held};
    if (held->cversion > PK_REPLAY_OWED)
        held->cversion = PK_REPLAY_OWED;
    return z->held.state == PK_ZNODE_TRACKED ? pk_store_apply(&core->store, &change) : PK_EINVAL;
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
    struct pk_held held = {.czxid = r->czxid,
                           .mzxid = r->mzxid,
                           .pzxid = r->pzxid,
                           .ctime = r->ctime,
                           .mtime = r->mtime,
                           .version = r->version,
                           .cversion = r->cversion};
    enum pk_err err = PK_EINVAL;
    if (!is_misplaced(z, r->local))
        err = r->local ? restore_local(core, m, z, r, &held) : restore_share(core, z, &held);
    if (err != PK_OK)
        pk_store_tidy(&core->store, z);
    return err;
}
