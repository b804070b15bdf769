/*
 * Mounts that come and go.
 *
 * Happy path: a new mount relays at first, and begins when what is older has been answered (mount_begin.h). One that
 * leaves is handed over, and then relays for good: its number stays, and what is watched there is known when it is
 * named again.
 * Failure modes: a path that may not be a mount, too many, or no memory: nothing changes.
 */
#include <string.h>

#include "core/core.h"
#include "core/state.h"
#include "core/sync/handover.h"

enum pk_err core_mount_set(struct core *core, size_t i, const struct core_mount *config)
{
    if (i >= core->store.nmounts)
        return PK_ENOENT;
    struct pk_mount *m = &core->store.mounts[i];
    const char *path = m->config.path;
    if (pk_store_set_policy(&core->store, m, config->policy) != PK_OK)
        return PK_ENOMEM;
    m->config = *config;
    m->config.path = path;
    m->config.policy = NULL;
    m->wanted = config->mode;
    if (m->life != PK_MOUNT_STANDS)
        m->life = PK_MOUNT_BEGINS;
    pk_mount_settle(&core->store, m);
    m->full_said = m->watches_full_said = false;
    pk_handover_start(&core->sync, m);
    return PK_OK;
}

enum pk_err core_mount_add(struct core *core, const struct core_mount *config)
{
    struct pk_store *store = &core->store;
    enum pk_err err = core->conns.limits.hold ? pk_store_add_mount(store, config) : PK_EINVAL;
    if (err != PK_OK)
        return err;
    struct pk_mount *m = &store->mounts[store->nmounts - 1];
    m->life = PK_MOUNT_BEGINS;
    pk_mount_settle(store, m);
    core->conns.nmounts = (uint8_t)store->nmounts;
    return PK_OK;
}

void core_mount_remove(struct core *core, size_t i)
{
    struct pk_mount *m = &core->store.mounts[i];
    if (i >= core->store.nmounts || m->life == PK_MOUNT_LEAVES)
        return;
    m->life = PK_MOUNT_LEAVES;
    pk_mount_settle(&core->store, m);
    pk_handover_start(&core->sync, m);
}

bool core_mount_find(const struct core *core, const char *path, size_t *i)
{
    for (*i = 0; *i < core->store.nmounts; ++*i)
        if (strcmp(core->store.mounts[*i].config.path, path) == 0)
            return true;
    return false;
}
