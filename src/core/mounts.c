/*
 * Mounts that come and go.
 *
 * Happy path: a new mount relays at first, and what is asked is tied to it; when every request that is older has been
 * answered, the watches that stand there are entered and its mode begins. One that leaves is handed over, and then
 * relays for good: its number stays, and what is watched there is known when it is named again.
 * Failure modes: no memory for the watches: the mount relays on, and the next tick tries again.
 */
#include "core/mounts.h"

#include <string.h>

#include "core/core.h"
#include "core/store/watch.h"
#include "core/sync/handover.h"
#include "proto/path.h"

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
    if (m->life != PK_MOUNT_STANDS) {
        m->life = PK_MOUNT_BEGINS;
        m->config.mode = PK_MODE_RELAY;
    }
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
    m->config.mode = PK_MODE_RELAY;
    core->conns.nmounts = (uint8_t)store->nmounts;
    return PK_OK;
}

void core_mount_remove(struct core *core, size_t i)
{
    struct pk_mount *m = &core->store.mounts[i];
    if (i >= core->store.nmounts || m->life == PK_MOUNT_LEAVES)
        return;
    m->life = PK_MOUNT_LEAVES;
    m->config.mode = PK_MODE_RELAY;
    pk_handover_start(&core->sync, m);
}

bool core_mount_find(const struct core *core, const char *path, size_t *i)
{
    for (*i = 0; *i < core->store.nmounts; ++*i)
        if (strcmp(core->store.mounts[*i].config.path, path) == 0)
            return true;
    return false;
}

/* The client is owed an answer that was asked for when there were no more than n mounts. */
static bool asked_before(const struct pk_client *c, size_t n)
{
    for (const struct pk_list *at = c->queue.entries.next; at != &c->queue.entries; at = at->next)
        if (PK_CONTAINER(at, struct pk_entry, client)->nmounts <= n)
            return true;
    for (const struct pk_list *at = c->up.awaited.entries.next; at != &c->up.awaited.entries; at = at->next)
        if (PK_CONTAINER(at, struct pk_entry, uplink)->nmounts <= n)
            return true;
    return false;
}

/* What a standing watch is to the store: at a mount's root, one that lasts and was set above it. */
static uint8_t kinds_of(uint8_t stands, bool above)
{
    uint8_t bits = (uint8_t)(stands | stands >> PK_STAND_ASKED), kinds = 0;
    if ((stands & PK_STAND_LASTING) != 0)
        kinds |= PK_INTENT_PERSISTENT | PK_INTENT_RECURSIVE;
    if (above)
        return kinds & PK_INTENT_RECURSIVE;
    if ((bits & (PK_STAND_DATA | PK_STAND_EXIST)) != 0)
        kinds |= PK_INTENT_DATA;
    if ((bits & PK_STAND_CHILD) != 0)
        kinds |= PK_INTENT_CHILD;
    return kinds;
}

static enum pk_err enter_watch(struct core *core, struct pk_client *c, const struct pk_mount *m,
                               struct pk_bytes path, uint8_t stands)
{
    bool above = pk_path_below(m->path, path);
    struct pk_bytes at = above ? m->path : path;
    struct pk_target target = pk_store_target(&core->store, at);
    uint8_t kinds = kinds_of(stands, above);
    if (target.mount != m || kinds == 0)
        return PK_OK;
    return pk_watch_stands(&core->store, &c->watcher, &target, at, kinds);
}

static enum pk_err enter_watches(struct core *core, struct pk_client *c, const struct pk_mount *m)
{
    struct pk_bytes path;
    uint32_t at = 0;
    uint8_t stands = 0;
    enum pk_err err = PK_OK;
    while (err == PK_OK && pk_standing_next(c->standing, &at, &path, &stands))
        err = enter_watch(core, c, m, path, stands);
    return err;
}

static struct pk_client *client_at(const struct core *core, uint32_t i)
{
    return core->conns.slots[i] != NULL ? core->conns.slots[i]->client : NULL;
}

static void begin(struct core *core, size_t number)
{
    struct pk_mount *m = &core->store.mounts[number];
    const struct pk_client *c;
    for (uint32_t i = 0; i < core->conns.nslots; i++)
        if ((c = client_at(core, i)) != NULL && asked_before(c, number))
            return;
    for (uint32_t i = 0; i < core->conns.nslots; i++)
        if (client_at(core, i) != NULL && enter_watches(core, client_at(core, i), m) != PK_OK)
            return;
    m->life = PK_MOUNT_STANDS;
    m->config.mode = m->wanted;
}

void pk_mounts_tick(struct core *core)
{
    for (size_t i = 0; i < core->store.nmounts; i++) {
        struct pk_mount *m = &core->store.mounts[i];
        if (m->life == PK_MOUNT_BEGINS && !core->sync.service.releasing)
            begin(core, i);
        else if (m->life == PK_MOUNT_LEAVES && m->policy != NULL && pk_handover_left(m) == 0)
            (void)!pk_store_set_policy(&core->store, m, NULL); /* cannot fail */
    }
}
