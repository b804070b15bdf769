/*
 * What memory knows of paths below the mounts.
 *
 * Happy path: a beat finds its znode with one hash look-up a name and overwrites its data in place.
 * Failure modes: out of memory leaves the tree as it was; bounds are asked about before (pk_store_has_room).
 */
#include "core/store.h"

#include <string.h>

#include "core/cached.h"
#include "proto/path.h"

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

size_t pk_znode_path_len(const struct pk_znode *z)
{
    size_t len = z->len;
    for (z = z->parent; z != NULL; z = z->parent)
        len += 1 + (size_t)z->len;
    return len;
}

uint8_t *pk_znode_path_put(uint8_t *p, const struct pk_znode *z)
{
    uint8_t *end = p + pk_znode_path_len(z), *at = end;
    for (;; z = z->parent) {
        at -= z->len;
        memcpy(at, z->name, z->len);
        if (z->parent == NULL)
            return end;
        *--at = '/';
    }
}

struct pk_bytes pk_store_path(struct pk_store *store, const struct pk_znode *z)
{
    return (struct pk_bytes){store->scratch,
                             (uint32_t)(pk_znode_path_put(store->scratch, z) - store->scratch)};
}

bool pk_znode_is_at(const struct pk_znode *z, struct pk_bytes path)
{
    for (; z->parent != NULL; z = z->parent) {
        if (path.len <= z->len || path.p[path.len - z->len - 1] != '/' ||
            memcmp(path.p + path.len - z->len, z->name, z->len) != 0)
            return false;
        path.len -= z->len + 1;
    }
    return pk_bytes_eq(path, pk_znode_name(z));
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

static struct pk_znode *make(struct pk_store *store, struct pk_znode *parent, uint8_t mount,
                             struct pk_bytes name)
{
    if (pk_map_reserve(store->mem, &store->map) != PK_OK || reserve_path(store, parent, name.len) != PK_OK)
        return NULL;
    struct pk_znode *z = pk_alloc(store->mem, offsetof(struct pk_znode, name) + name.len);
    if (z == NULL)
        return NULL;
    memset(z, 0, offsetof(struct pk_znode, name));
    if (name.len > 0)
        memcpy(z->name, name.p, name.len);
    z->len = name.len;
    z->mount = mount;
    z->parent = parent;
    if (parent != NULL) {
        z->next = parent->children;
        if (z->next != NULL)
            z->next->pprev = &z->next;
        z->pprev = &parent->children;
        parent->children = z;
    }
    pk_map_put(&store->map, &z->map, name_hash(store, parent, name));
    return z;
}

static void forget(struct pk_store *store, struct pk_znode *z)
{
    pk_map_del(&store->map, &z->map);
    if (z->pprev != NULL) {
        *z->pprev = z->next;
        if (z->next != NULL)
            z->next->pprev = z->pprev;
    }
    if (z->aux != NULL)
        pk_list_del(&z->aux->recent);
    pk_free(store->mem, z->aux);
    pk_blob_unref(store->mem, z->data);
    pk_free(store->mem, z);
    store->forgotten++;
}

static enum pk_err add_mount(struct pk_store *store, const struct core_mount *config)
{
    struct pk_bytes path = {(const uint8_t *)config->path, (uint32_t)strlen(config->path)};
    struct pk_bytes own = PK_BYTES("/zookeeper");
    if (!pk_path_valid(path) || path.len == 1 || pk_bytes_eq(path, own) || pk_path_below(path, own))
        return PK_EINVAL;
    for (size_t i = 0; i < store->nmounts; i++) {
        struct pk_bytes other = store->mounts[i].path;
        if (pk_bytes_eq(path, other) || pk_path_below(path, other) || pk_path_below(other, path))
            return PK_EINVAL;
    }
    struct pk_mount *m = &store->mounts[store->nmounts];
    char *copy = pk_alloc(store->mem, path.len + 1);
    if (copy == NULL)
        return PK_ENOMEM;
    memcpy(copy, config->path, path.len + 1);
    *m = (struct pk_mount){.config = *config, .path = {(const uint8_t *)copy, path.len}};
    m->config.path = copy;
    pk_list_init(&m->due);
    m->root = make(store, NULL, (uint8_t)store->nmounts, m->path);
    store->nmounts++;
    return m->root != NULL ? PK_OK : PK_ENOMEM;
}

enum pk_err pk_store_init(struct pk_store *store, const struct pk_mem *mem, const struct core_config *config,
                          struct core_stats *stats)
{
    *store = (struct pk_store){.mem = mem, .stats = stats, .seed = config->hash_seed};
    pk_list_init(&store->recent);
    if (config->nmounts > UINT8_MAX)
        return PK_EINVAL;
    if (config->nmounts > 0) {
        store->mounts = pk_zalloc(mem, config->nmounts * sizeof *store->mounts);
        if (store->mounts == NULL)
            return PK_ENOMEM;
    }
    for (size_t i = 0; i < config->nmounts; i++) {
        enum pk_err err = add_mount(store, &config->mounts[i]);
        if (err != PK_OK)
            return err;
    }
    return PK_OK;
}

void pk_store_drop(struct pk_store *store)
{
    for (size_t i = 0; i < store->nmounts; i++) {
        struct pk_znode *root = store->mounts[i].root, *z = root;
        while (z != NULL) {
            while (z->children != NULL)
                z = z->children;
            struct pk_znode *up = z->parent;
            forget(store, z);
            z = up;
        }
        void *path = (void *)(uintptr_t)store->mounts[i].config.path;
        pk_free(store->mem, path);
    }
    pk_free(store->mem, store->mounts);
    pk_map_free(store->mem, &store->map);
    pk_free(store->mem, store->scratch);
    store->mounts = NULL;
    store->nmounts = 0;
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

struct pk_tracking *pk_store_tracking(struct pk_store *store, struct pk_znode *z)
{
    if (z->aux != NULL)
        return z->aux;
    struct pk_tracking *aux = pk_zalloc(store->mem, sizeof *aux);
    if (aux == NULL)
        return NULL;
    pk_list_init(&aux->watches);
    pk_list_init(&aux->prechecks);
    pk_list_init(&aux->recent);
    aux->znode = z;
    return z->aux = aux;
}

static void tidy_tracking(struct pk_store *store, struct pk_znode *z)
{
    struct pk_tracking *aux = z->aux;
    if (aux == NULL || aux->inflight > 0 || !pk_list_empty(&aux->recent))
        return;
    if (pk_list_empty(&aux->watches) && pk_list_empty(&aux->prechecks)) {
        pk_free(store->mem, aux);
        z->aux = NULL;
    }
}

void pk_store_tidy(struct pk_store *store, struct pk_znode *z)
{
    while (z != NULL) {
        tidy_tracking(store, z);
        if (z->state != PK_ZNODE_TRACKED || z->aux != NULL || z->children != NULL || z->cversion > 0 ||
            z->no_local_creates || z->replaying_pairs || z->cached != NULL || z->parent == NULL)
            return;
        struct pk_znode *up = z->parent;
        forget(store, z);
        z = up;
    }
}

enum pk_err pk_store_remember(struct pk_store *store, struct pk_znode *z, int64_t now_us)
{
    struct pk_tracking *aux = pk_store_tracking(store, z);
    if (aux == NULL)
        return PK_ENOMEM;
    aux->recent_us = now_us;
    pk_list_del(&aux->recent);
    pk_list_add_tail(&store->recent, &aux->recent);
    return PK_OK;
}

static void not_recent(struct pk_znode *z)
{
    if (z->aux == NULL)
        return;
    z->aux->replayed_pairs = 0;
    if (z->state == PK_ZNODE_PROMOTED)
        z->state = PK_ZNODE_TRACKED;
    if (z->aux->floor_zxid == 0)
        pk_list_del(&z->aux->recent);
}

void pk_store_gone(struct pk_znode *z)
{
    not_recent(z);
    z->cversion = 0;
    z->czxid = 0;
    z->no_local_creates = false;
}

void pk_store_seen(struct pk_znode *z, int64_t czxid)
{
    if (z->state != PK_ZNODE_TRACKED)
        return;
    if (z->czxid != 0 && z->czxid != czxid)
        z->cversion = 0;
    z->czxid = czxid;
}

void pk_store_age(struct pk_store *store, int64_t now_us, int64_t keep_us)
{
    while (!pk_list_empty(&store->recent)) {
        struct pk_tracking *aux = PK_CONTAINER(store->recent.next, struct pk_tracking, recent);
        if (now_us - aux->recent_us < keep_us)
            return;
        struct pk_znode *z = aux->znode;
        aux->floor_zxid = 0;
        not_recent(z);
        pk_store_tidy(store, z);
    }
}

void pk_znode_stat(const struct pk_znode *z, struct pk_stat *st)
{
    *st = (struct pk_stat){
        .czxid = z->czxid,
        .mzxid = z->mzxid,
        .pzxid = z->pzxid,
        .ctime = z->ctime,
        .mtime = z->mtime,
        .version = z->version,
        .cversion = z->cversion,
        .data_length = z->data != NULL ? (int32_t)z->data->len : 0,
        .num_children = z->nlocal,
    };
    if (z->cached == NULL)
        return;
    *st = z->cached->base;
    pk_cached_patch(z->cached, st);
    st->num_children += z->nlocal;
    st->cversion += z->nlocal + 2 * z->cversion;
    if (st->pzxid < z->pzxid)
        st->pzxid = z->pzxid;
}

struct pk_znode *pk_znode_walk(const struct pk_znode *root, struct pk_znode *z)
{
    if (z->children != NULL)
        return z->children;
    while (z != root && z->next == NULL)
        z = z->parent;
    return z != root ? z->next : NULL;
}

bool pk_store_has_room(const struct pk_mount *mount, bool local_create, uint64_t more, size_t data)
{
    if (data > mount->config.max_znode)
        return false;
    if (local_create && mount->znodes + mount->cached_znodes >= mount->config.max_znodes)
        return false;
    return more == 0 || mount->bytes + more <= mount->config.max_bytes;
}
