/*
 * Mounts that begin.
 *
 * Happy path: when every request that is older than a new mount has been answered, the watches that stand there are
 * entered and its mode begins.
 * Failure modes: no memory for the watches: the mount relays on, and the next tick tries again.
 */
#include "core/mount_begin.h"

#include "core/store/watch.h"
#include "core/sync/handover.h"
#include "proto/path.h"

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

static void begin(struct core *core, size_t number)
{
    struct pk_mount *m = &core->store.mounts[number];
    struct pk_client *c;
    for (uint32_t i = 0; i < core->conns.nslots; i++)
        if ((c = pk_conns_client(&core->conns, i)) != NULL && asked_before(c, number))
            return;
    for (uint32_t i = 0; i < core->conns.nslots; i++)
        if ((c = pk_conns_client(&core->conns, i)) != NULL && enter_watches(core, c, m) != PK_OK)
            return;
    m->life = PK_MOUNT_STANDS;
    pk_mount_settle(&core->store, m);
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
