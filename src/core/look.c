/*
 * What a core says of paths, to people: one of them in detail, or all that are held, one after the other. Data are
 * counted and never shown.
 *
 * Happy path: copies and a walk, which the caller bounds.
 * Failure modes: a path outside every mount is said to be so.
 */
#include "core/core.h"
#include "core/state.h"
#include "core/store/watch.h"
#include "core/sync/permit.h"
#include "core/sync/writeback.h"

static const char *held_name(const struct pk_znode *z)
{
    static const char *const names[PK_ZNODE_STATES] = {[PK_ZNODE_TRACKED] = "tracked",
                                                       [PK_ZNODE_LOCAL] = "local",
                                                       [PK_ZNODE_PROMOTING] = "promoting",
                                                       [PK_ZNODE_PROMOTED] = "promoted"};
    if (z == NULL)
        return "absent";
    return z->cached != NULL ? "cached" : names[z->held.state];
}

static void add_watchers(struct core_explanation *out, const struct pk_znode *z, uint8_t kinds)
{
    if (z == NULL || z->tracking == NULL)
        return;
    for (struct pk_list *at = z->tracking->watches.next; at != &z->tracking->watches; at = at->next) {
        const struct pk_watch *w = PK_CONTAINER(at, struct pk_watch, of_znode);
        if ((w->standing & kinds) == 0 || out->nwatchers == PK_EXPLAIN_WATCHERS)
            continue;
        out->watchers[out->nwatchers++] = PK_CONTAINER(w->watcher, struct pk_client, watcher)->up.id;
    }
}

static void explain_cached(struct core_explanation *out, const struct pk_znode *z)
{
    const struct pk_writeback *w = pk_writeback_of(z);
    out->version = w->cached.value.version;
    out->mtime = w->cached.value.mtime;
    out->data = w->cached.value.data != NULL ? w->cached.value.data->len : 0;
    out->pending = pk_cached_pending(&w->cached);
    for (struct pk_list *at = w->permits.next; at != &w->permits; at = at->next)
        out->permits++;
    out->has_writer = w->writer != NULL;
    if (w->writer != NULL)
        out->writer = w->writer->up.id;
}

static void explain_znode(const struct core *core, struct core_explanation *out, const struct pk_target *t)
{
    const struct pk_znode *z = t->znode;
    out->watched = z != NULL && pk_data_watched(&core->store, z);
    out->intended = pk_intended(z);
    add_watchers(out, z, PK_INTENT_WATCHES);
    if (z == NULL)
        return;
    out->unfit = z->unfit;
    out->refused = z->refused;
    if (z->cached != NULL) {
        explain_cached(out, z);
    } else if (pk_znode_held(z)) {
        out->version = z->held.version;
        out->mtime = z->held.mtime;
        out->data = z->data != NULL ? z->data->len : 0;
    }
}

void core_explain(const struct core *core, struct pk_bytes path, struct core_explanation *out)
{
    struct pk_target t = pk_store_target(&core->store, path);
    *out = (struct core_explanation){.mount = core->store.nmounts, .held = held_name(t.znode)};
    if (t.place == PK_OUTSIDE)
        return;
    out->mount = (size_t)(t.mount - core->store.mounts);
    out->below = t.place == PK_BELOW;
    out->parent_held = pk_znode_held(t.parent);
    explain_znode(core, out, &t);
    out->parent_watched = pk_watched(&t);
    add_watchers(out, t.parent, PK_INTENT_CHILD | PK_INTENT_PERSISTENT | PK_INTENT_RECURSIVE);
    if (t.parent != t.mount->root && t.znode != t.mount->root)
        add_watchers(out, t.mount->root, PK_INTENT_RECURSIVE);
}

static void describe(const struct pk_znode *z, struct core_znode_info *info)
{
    *info = (struct core_znode_info){.mount = z->mount, .held = held_name(z)};
    if (z->cached != NULL) {
        info->version = z->cached->value.version;
        info->mtime = z->cached->value.mtime;
        info->data = z->cached->value.data != NULL ? z->cached->value.data->len : 0;
        info->pending = pk_cached_pending(z->cached);
        return;
    }
    info->version = z->held.version;
    info->mtime = z->held.mtime;
    info->data = z->data != NULL ? z->data->len : 0;
}

bool core_walk(struct core *core, size_t mount, size_t most,
               bool (*look)(void *owner, struct pk_bytes path, const struct core_znode_info *info),
               void *owner)
{
    if (mount >= core->store.nmounts)
        return true;
    struct pk_znode *root = core->store.mounts[mount].root;
    struct core_znode_info info;
    for (struct pk_znode *z = root; z != NULL; z = pk_znode_walk(root, z)) {
        if (most-- == 0)
            return false;
        if (z->cached == NULL && !pk_znode_held(z))
            continue;
        describe(z, &info);
        if (!look(owner, pk_store_path(&core->store, z), &info))
            return false;
    }
    return true;
}
