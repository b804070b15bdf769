/*
 * What memory knows of paths below the mounts.
 *
 * Happy path: a beat finds its znode with one hash look-up a name and overwrites its data in place.
 * Failure modes: out of memory leaves the tree as it was; bounds are asked about before (pk_store_has_room).
 */
#include "core/store/store.h"

#include <string.h>

#include "base/check.h"
#include "core/store/listing.h"
#include "core/store/watch.h"
#include "proto/path.h"

enum { AGED = 2000 /* znodes forgotten at a tick: a millisecond */ };

static uint32_t name_hash(const struct pk_store *store, const struct pk_znode *parent, struct pk_bytes name)
{
    return pk_hash(store->seed ^ (uint64_t)(uintptr_t)parent, name.p, name.len);
}

struct pk_znode *pk_store_child(const struct pk_store *store, const struct pk_znode *z, struct pk_bytes name)
{
    uint32_t hash = name_hash(store, z, name);
    for (struct pk_map_node *n = pk_map_chain(&store->map, hash); n != NULL; n = n->next) {
        struct pk_znode *k = PK_CONTAINER(n, struct pk_znode, map);
        if (n->hash == hash && k->parent == z && pk_bytes_eq(pk_znode_name(k), name))
            return k;
    }
    return NULL;
}

/* Splits the next name off what follows a znode's path; false at the end. *rest starts at a slash or is empty. */
static bool next_name(struct pk_bytes *rest, struct pk_bytes *name)
{
    if (rest->len == 0)
        return false;
    const uint8_t *start = rest->p + 1, *slash = memchr(start, '/', rest->len - 1);
    uint32_t len = slash != NULL ? (uint32_t)(slash - start) : rest->len - 1;
    *name = (struct pk_bytes){start, len};
    *rest = (struct pk_bytes){start + len, rest->len - 1 - len};
    return true;
}

static struct pk_bytes behind(const struct pk_mount *mount, struct pk_bytes path)
{
    return (struct pk_bytes){path.p + mount->path.len, path.len - mount->path.len};
}

struct pk_znode *pk_store_find(const struct pk_store *store, struct pk_bytes path)
{
    struct pk_mount *mount;
    if (pk_store_place(store, path, &mount) == PK_OUTSIDE)
        return NULL;
    struct pk_znode *z = mount->root;
    struct pk_bytes rest = behind(mount, path), name;
    while (z != NULL && next_name(&rest, &name))
        z = pk_store_child(store, z, name);
    return z;
}

struct pk_bytes pk_store_path(struct pk_store *store, const struct pk_znode *z)
{
    return (struct pk_bytes){store->scratch,
                             (uint32_t)(pk_znode_path_put(store->scratch, z) - store->scratch)};
}

/* Room for the full path of every znode, so that pk_store_path cannot fail. */
static enum pk_err reserve_path(struct pk_store *store, const struct pk_znode *parent, size_t name)
{
    size_t len = (parent != NULL ? pk_znode_path_len(parent) + 1 : 0) + name;
    if (len <= store->scratch_cap)
        return PK_OK;
    uint8_t *grown = pk_resize(store->mem, store->scratch, len * 2);
    if (grown == NULL)
        return PK_ENOMEM;
    store->scratch = grown;
    store->scratch_cap = len * 2;
    return PK_OK;
}

static enum pk_err reserve_below(struct pk_store *store, struct pk_znode *parent)
{
    if (parent != NULL && parent->below == NULL)
        parent->below = pk_zalloc(store->mem, sizeof *parent->below);
    return parent == NULL || parent->below != NULL ? PK_OK : PK_ENOMEM;
}

/* The last child has gone. */
static void drop_below(struct pk_store *store, struct pk_znode *parent)
{
    if (parent == NULL || parent->below == NULL || parent->below->children != NULL)
        return;
    pk_free(store->mem, parent->below);
    parent->below = NULL;
}

static void link_child(struct pk_znode *parent, struct pk_znode *z)
{
    z->parent = parent;
    z->next = parent->below->children;
    if (z->next != NULL)
        z->next->pprev = &z->next;
    z->pprev = &parent->below->children;
    parent->below->children = z;
}

static struct pk_znode *make(struct pk_store *store, struct pk_znode *parent, uint8_t mount,
                             struct pk_bytes name)
{
    if (pk_map_reserve(store->mem, &store->map) != PK_OK || reserve_path(store, parent, name.len) != PK_OK)
        return NULL;
    struct pk_znode *z = pk_alloc(store->mem, offsetof(struct pk_znode, name) + name.len);
    if (z == NULL || reserve_below(store, parent) != PK_OK) {
        pk_free(store->mem, z);
        return NULL;
    }
    memset(z, 0, offsetof(struct pk_znode, name));
    if (name.len > 0)
        memcpy(z->name, name.p, name.len);
    z->len = name.len;
    z->mount = mount;
    if (parent != NULL)
        link_child(parent, z);
    pk_map_put(&store->map, &z->map, name_hash(store, parent, name));
    return z;
}

/* Walks that would meet it next go on behind it. */
static void step_aside(struct pk_store *store, struct pk_znode *z)
{
    for (struct pk_list *at = store->cursors.next; at != &store->cursors; at = at->next) {
        struct pk_cursor *cursor = PK_CONTAINER(at, struct pk_cursor, list);
        if (cursor->at == z)
            cursor->at = pk_znode_walk_past(store->mounts[z->mount].root, z);
    }
}

static void forget(struct pk_store *store, struct pk_znode *z)
{
    step_aside(store, z);
    pk_map_del(&store->map, &z->map);
    if (z->pprev != NULL) {
        *z->pprev = z->next;
        if (z->next != NULL)
            z->next->pprev = z->pprev;
    }
    drop_below(store, z->parent);
    pk_listing_drop(store, z);
    pk_tracking_free(store, z);
    pk_blob_unref(store->mem, z->data);
    pk_free(store->mem, z);
    store->freed_epoch++;
}

static enum pk_err check_path(const struct pk_store *store, struct pk_bytes path)
{
    struct pk_bytes own = PK_BYTES("/zookeeper");
    if (!pk_path_valid(path) || path.len == 1 || pk_bytes_eq(path, own) || pk_path_below(path, own))
        return PK_EINVAL;
    for (size_t i = 0; i < store->nmounts; i++) {
        struct pk_bytes other = store->mounts[i].path;
        if (pk_bytes_eq(path, other) || pk_path_below(path, other) || pk_path_below(other, path))
            return PK_EINVAL;
    }
    return PK_OK;
}

enum pk_err pk_store_add_mount(struct pk_store *store, const struct core_mount *config)
{
    struct pk_bytes path = {(const uint8_t *)config->path, (uint32_t)strlen(config->path)};
    if (check_path(store, path) != PK_OK)
        return PK_EINVAL;
    if (store->nmounts == PK_STORE_MOUNTS)
        return PK_ELIMIT;
    if (store->mounts == NULL)
        store->mounts = pk_zalloc(store->mem, PK_STORE_MOUNTS * sizeof *store->mounts);
    char *copy = store->mounts != NULL ? pk_alloc(store->mem, path.len + 1) : NULL;
    if (copy == NULL)
        return PK_ENOMEM;
    struct pk_mount *m = &store->mounts[store->nmounts];
    memcpy(copy, config->path, path.len + 1);
    *m = (struct pk_mount){.config = *config,
                           .life = PK_MOUNT_STANDS,
                           .wanted = config->mode,
                           .path = {(const uint8_t *)copy, path.len}};
    m->config.path = copy;
    pk_mount_settle(store, m);
    pk_list_init(&m->due);
    m->root = make(store, NULL, (uint8_t)store->nmounts, m->path);
    if (m->root == NULL || pk_store_set_policy(store, m, config->policy) != PK_OK) {
        if (m->root != NULL)
            forget(store, m->root);
        pk_free(store->mem, copy);
        return PK_ENOMEM;
    }
    store->nmounts++;
    return PK_OK;
}

enum pk_err pk_store_set_policy(struct pk_store *store, struct pk_mount *m, const struct core_policy *policy)
{
    struct pk_policy *fresh = NULL;
    if (policy != NULL && pk_policy_new(&fresh, store->mem, policy) != PK_OK)
        return PK_ENOMEM;
    store->npolicies += fresh != NULL;
    store->npolicies -= m->policy != NULL;
    pk_policy_free(store->mem, m->policy);
    m->policy = fresh;
    m->config.policy = NULL;
    return PK_OK;
}

struct pk_bytes pk_mount_acl(const struct pk_mount *mount, bool masked)
{
    if (mount->policy == NULL)
        return pk_open_acl();
    const struct pk_blob *b = masked ? mount->policy->masked : mount->policy->acl;
    return (struct pk_bytes){b->bytes, b->len};
}

struct pk_bytes pk_store_acl(const struct pk_store *store, const struct pk_znode *z, bool masked)
{
    return pk_mount_acl(pk_store_mount(store, z), masked);
}

void pk_store_init(struct pk_store *store, const struct pk_mem *mem, struct core_stats *stats, uint64_t seed,
                   size_t cached_size)
{
    *store = (struct pk_store){.mem = mem, .stats = stats, .seed = seed};
    pk_list_init(&store->recent);
    pk_list_init(&store->cursors);
    pk_list_init(&store->listings);
    pk_list_init(&store->ended.watches);
    pk_pool_init(&store->cached, mem, cached_size);
    pk_pool_init(&store->intents, mem, sizeof(struct pk_intent));
    pk_pool_init(&store->watches, mem, sizeof(struct pk_watch));
}

/* Children first. */
static void drop_tree(struct pk_store *store, struct pk_znode *root)
{
    struct pk_znode *z = root;
    while (z != NULL) {
        while (pk_znode_children(z) != NULL)
            z = pk_znode_children(z);
        struct pk_znode *up = z->parent;
        struct pk_change change = {.kind = PK_CHANGE_UNCACHED, .znode = z};
        if (z->cached != NULL)
            (void)!pk_store_apply(store, &change); /* cannot fail */
        forget(store, z);
        z = up;
    }
}

void pk_store_drop(struct pk_store *store)
{
    store->tap = (struct pk_tap){.hear = NULL};
    while (pk_watches_ended(store))
        pk_watches_sweep(store);
    for (size_t i = 0; i < store->nmounts; i++) {
        drop_tree(store, store->mounts[i].root);
        pk_policy_free(store->mem, store->mounts[i].policy);
        pk_free(store->mem, (void *)(uintptr_t)store->mounts[i].config.path);
    }
    pk_free(store->mem, store->mounts);
    pk_map_free(store->mem, &store->map);
    pk_free(store->mem, store->scratch);
    pk_pool_drop(&store->cached);
    pk_pool_drop(&store->intents);
    pk_pool_drop(&store->watches);
    store->mounts = NULL;
    store->nmounts = 0;
}

void pk_cursor_begin(struct pk_store *store, struct pk_cursor *cursor)
{
    *cursor = (struct pk_cursor){.mount = 0};
    pk_list_add_tail(&store->cursors, &cursor->list);
}

struct pk_znode *pk_cursor_next(struct pk_store *store, struct pk_cursor *cursor)
{
    while (cursor->mount < store->nmounts) {
        struct pk_znode *root = store->mounts[cursor->mount].root;
        struct pk_znode *z = cursor->begun ? cursor->at : root;
        if (z != NULL) {
            cursor->begun = true;
            cursor->at = pk_znode_walk(root, z);
            return z;
        }
        cursor->begun = false;
        cursor->mount++;
    }
    return NULL;
}

void pk_cursor_end(struct pk_cursor *cursor)
{
    pk_list_del(&cursor->list);
}

static bool too_deep(struct pk_bytes below)
{
    if (below.len <= 2 * PK_DEPTH_MAX)
        return false;
    int levels = 0;
    for (uint32_t i = 0; i < below.len && levels <= PK_DEPTH_MAX; i++)
        levels += below.p[i] == '/';
    return levels > PK_DEPTH_MAX;
}

enum pk_place pk_store_place(const struct pk_store *store, struct pk_bytes path, struct pk_mount **mount)
{
    for (size_t i = 0; i < store->nmounts; i++) {
        struct pk_mount *m = &store->mounts[i];
        if (path.len < m->path.len)
            continue;
        *mount = m;
        if (pk_path_below(path, m->path) && !too_deep(behind(m, path)))
            return PK_BELOW;
        if (pk_bytes_eq(path, m->path))
            return PK_AT_ROOT;
    }
    *mount = NULL;
    return PK_OUTSIDE;
}

struct pk_target pk_store_target(const struct pk_store *store, struct pk_bytes path)
{
    struct pk_target t = {.place = PK_OUTSIDE};
    t.place = pk_store_place(store, path, &t.mount);
    if (t.place == PK_OUTSIDE)
        return t;
    struct pk_znode *z = t.mount->root, *up = NULL;
    struct pk_bytes rest = behind(t.mount, path), name;
    while (z != NULL && next_name(&rest, &name)) {
        up = z;
        z = pk_store_child(store, z, name);
    }
    t.znode = z;
    t.parent = rest.len == 0 ? up : NULL;
    t.deepest = z != NULL ? z : up;
    return t;
}

struct pk_znode *pk_store_track(struct pk_store *store, struct pk_mount *mount, struct pk_bytes path)
{
    struct pk_znode *z = mount->root;
    struct pk_bytes rest = behind(mount, path), name;
    while (next_name(&rest, &name)) {
        struct pk_znode *child = pk_store_child(store, z, name);
        if (child == NULL)
            child = make(store, z, mount->root->mount, name);
        if (child == NULL) {
            pk_store_tidy(store, z);
            return NULL;
        }
        z = child;
    }
    return z;
}

void pk_store_tidy(struct pk_store *store, struct pk_znode *z)
{
    while (z != NULL) {
        pk_tracking_tidy(store, z);
        if (z->held.state != PK_ZNODE_TRACKED || z->tracking != NULL || z->below != NULL ||
            z->held.cversion > 0 || z->no_local_creates || z->replaying_pairs || z->cached != NULL ||
            z->parent == NULL)
            return;
        struct pk_znode *up = z->parent;
        forget(store, z);
        z = up;
    }
}

enum pk_err pk_store_remember(struct pk_store *store, struct pk_znode *z, int64_t zxid, int64_t now_us)
{
    struct pk_tracking *t = pk_store_tracking(store, z);
    if (t == NULL)
        return PK_ENOMEM;
    t->recent_us = now_us;
    if (zxid > store->recent_zxid)
        store->recent_zxid = zxid;
    pk_list_del(&t->recent);
    pk_list_add_tail(&store->recent, &t->recent);
    return PK_OK;
}

void pk_store_age(struct pk_store *store, int64_t now_us, int64_t keep_us)
{
    pk_listings_age(store, now_us, PK_LISTING_KEEP_US);
    for (int n = 0; n < AGED && !pk_list_empty(&store->recent); n++) {
        struct pk_tracking *t = PK_CONTAINER(store->recent.next, struct pk_tracking, recent);
        if (now_us - t->recent_us < keep_us)
            return;
        struct pk_change change = {.kind = PK_CHANGE_AGED, .znode = t->znode};
        t->floor_zxid = 0;
        (void)!pk_store_apply(store, &change); /* cannot fail */
        pk_store_tidy(store, change.znode);
    }
}

bool pk_store_has_room(const struct pk_mount *mount, bool create, uint64_t more, size_t data)
{
    if (data > mount->config.max_znode)
        return false;
    if (create && mount->znodes + mount->cached_znodes >= mount->config.max_znodes)
        return false;
    return more == 0 || mount->bytes + more <= mount->config.max_bytes;
}

void pk_cached_unref(struct pk_store *store, struct pk_cached *l)
{
    if (--l->refs == 0 && l->znode == NULL)
        pk_pool_put(&store->cached, l);
}

/* What a walk over a mount counts. */
struct counted {
    uint64_t znodes, cached, bytes;
};

static void check_znode(const struct pk_znode *z, struct counted *n)
{
    int32_t nlocal = 0;
    uint32_t below = 0, moving = 0;
    size_t names = 0;
    for (const struct pk_znode *k = pk_znode_children(z); k != NULL; k = k->next) {
        nlocal += pk_znode_held(k);
        names += pk_znode_held(k) ? pk_bytes_len(pk_znode_name(k)) : 0;
        below += pk_znode_held(k) + pk_znode_held_below(k);
        moving += pk_znode_moves((enum pk_znode_state)k->held.state) + pk_znode_moving_below(k);
        PK_BUG_ON(k->parent != z || *k->pprev != k);
    }
    PK_BUG_ON(nlocal != z->held.nlocal || names != pk_listing_len(z) || below != pk_znode_held_below(z) ||
              moving != pk_znode_moving_below(z));
    PK_BUG_ON(z->cached != NULL && (z->cached->znode != z || pk_znode_held(z)));
    PK_BUG_ON(z->data != NULL && !pk_znode_held(z));
    PK_BUG_ON(z->tracking != NULL && z->tracking->znode != z);
    PK_BUG_ON(z->below != NULL && z->below->children == NULL);
    PK_BUG_ON(pk_znode_local_deletes(z) < 0);
    if (pk_znode_held(z)) {
        n->znodes++;
        n->bytes += z->len + (z->data != NULL ? z->data->len : 0);
    }
    if (z->cached != NULL) {
        const struct pk_blob *data = z->cached->value.data;
        n->cached++;
        n->bytes += z->len + (data != NULL ? data->len : 0);
    }
}

static int64_t listed_bytes(const struct pk_store *store)
{
    int64_t bytes = 0;
    for (const struct pk_list *at = store->listings.next; at != &store->listings; at = at->next) {
        const struct pk_listing *l = PK_CONTAINER(at, struct pk_listing, all);
        PK_BUG_ON(l->znode->tracking->listing != l || l->names->len != pk_listing_len(l->znode));
        bytes += l->names->len;
    }
    return bytes;
}

void pk_store_check(const struct pk_store *store)
{
    uint64_t znodes = 0, cached = 0, bytes = 0;
    for (size_t i = 0; i < store->nmounts; i++) {
        const struct pk_mount *m = &store->mounts[i];
        struct counted n = {0, 0, 0};
        for (struct pk_znode *z = m->root; z != NULL; z = pk_znode_walk(m->root, z))
            check_znode(z, &n);
        PK_BUG_ON(n.znodes != m->znodes || n.cached != m->cached_znodes || n.bytes != m->bytes);
        znodes += n.znodes;
        cached += n.cached;
        bytes += n.bytes;
    }
    const struct core_stats *st = store->stats;
    PK_BUG_ON(listed_bytes(store) != st->listing_bytes);
    PK_BUG_ON((int64_t)znodes != st->znodes || (int64_t)cached != st->cached_znodes ||
              (int64_t)bytes != st->bytes);
}
