/*
 * Handing over.
 *
 * Happy path: a batch of local znodes is promoted a tick until none is left.
 * Failure modes: znodes that the ensemble refuses stay local and are not tried again until the mode changes; a lost
 * connection leaves its batch local, and the next one goes on.
 */
#include "core/handover.h"

#include "core/cached.h"
#include "core/relay.h"
#include "core/service.h"
#include "core/targets.h"

enum { BATCH = 250, RELEASE_BATCH = 2000, LOOKS = 500 };

uint64_t pk_handover_left(const struct pk_mount *m)
{
    return (m->config.mode != PK_MODE_PACEMAKER ? m->znodes : 0) +
           (m->config.mode == PK_MODE_RELAY ? m->dirty : 0);
}

static bool to_promotion(const struct pk_mount *m)
{
    return m->config.mode != PK_MODE_PACEMAKER && !m->stuck && m->unpromoted;
}

bool pk_handover_pending(const struct core *core)
{
    bool pending = core->to_look;
    for (size_t i = 0; i < core->store.nmounts && !pending; i++)
        pending = to_promotion(&core->store.mounts[i]);
    return pending;
}

int64_t core_left(const struct core *core)
{
    int64_t left = 0;
    for (size_t i = 0; i < core->store.nmounts; i++) {
        const struct pk_mount *m = &core->store.mounts[i];
        left += m->stuck ? 0 : (int64_t)pk_handover_left(m);
    }
    return left;
}

/* A new attempt at everything that the mode does not hold. */
static void start_over(struct core *core, struct pk_mount *m)
{
    m->stuck = false;
    m->unpromoted = true;
    for (struct pk_znode *z = m->root; z != NULL; z = pk_znode_walk(m->root, z)) {
        z->refused = false;
        if (z->cached != NULL)
            pk_cached_end_unused(core, z->cached);
    }
    pk_service_want(core);
}

void pk_handover_all(struct core *core)
{
    core->releasing = true;
    for (size_t i = 0; i < core->store.nmounts; i++) {
        core->store.mounts[i].config.mode = PK_MODE_RELAY;
        start_over(core, &core->store.mounts[i]);
    }
}

enum pk_err core_mount_set(struct core *core, size_t i, const struct core_mount *config)
{
    if (i >= core->store.nmounts)
        return PK_ENOENT;
    struct pk_mount *m = &core->store.mounts[i];
    const char *path = m->config.path;
    m->config = *config;
    m->config.path = path;
    m->full_noted = false;
    start_over(core, m);
    return PK_OK;
}

/* Looks at restored znodes; false when none is left. */
static bool look(struct core *core, struct pk_conn *own)
{
    int looks = 0;
    for (size_t i = 0; i < core->store.nmounts; i++) {
        struct pk_znode *root = core->store.mounts[i].root;
        for (struct pk_znode *z = root; z != NULL && looks < LOOKS; z = pk_znode_walk(root, z)) {
            if (!z->restored)
                continue;
            struct pk_bytes path = pk_store_path(&core->store, z);
            struct pk_entry *e = pk_send_internal(core, own, PK_ANSWER_LOOK, PK_OP_EXISTS, path);
            if (e == NULL)
                return true;
            e->path = pk_blob_new(core->mem, path.p, path.len);
            if (e->path == NULL) {
                pk_conn_close(core, own, PK_CLOSE_NO_MEMORY);
                return true;
            }
            looks++;
        }
    }
    return looks > 0;
}

void pk_handover_looked(struct core *core, struct pk_bytes path, const struct pk_reply *r)
{
    struct pk_znode *z = pk_store_find(&core->store, path);
    if (z == NULL || !z->restored)
        return;
    z->restored = false;
    bool exists = r->err == PK_Z_OK || r->err == PK_Z_NO_AUTH; /* the latter from 3.8.4 on */
    if (!exists || z->state != PK_ZNODE_LOCAL)
        return;
    pk_promotion_lost(core, NULL, z);
}

static bool promotion_some(struct core *core, struct pk_conn *own, struct pk_mount *m)
{
    struct pk_plan what = {0};
    bool begun = false;
    uint32_t max = core->releasing ? RELEASE_BATCH : BATCH;
    if (pk_plan_mount(core, m, max, &what) != PK_OK) {
        pk_conn_close(core, own, PK_CLOSE_NO_MEMORY);
        begun = true;
    } else if (what.n == 0 && what.npairs == 0 && !what.busy) {
        m->unpromoted = m->stuck = m->znodes > 0;
    } else if (!what.busy) {
        core->handed += what.n;
        begun = true;
        if (pk_promotion_begin(core, own, &what) != PK_OK)
            pk_conn_close(core, own, PK_CLOSE_NO_MEMORY);
    }
    pk_plan_free(core, &what);
    return begun;
}

bool pk_handover_step(struct core *core, struct pk_conn *own)
{
    if (core->to_look && look(core, own))
        return true;
    core->to_look = false;
    if (core->handed >= PK_HANDOVER_TICK && !core->releasing)
        return false;
    for (size_t i = 0; i < core->store.nmounts; i++)
        if (to_promotion(&core->store.mounts[i]) && promotion_some(core, own, &core->store.mounts[i]))
            return true;
    return false;
}
