/*
 * Intents and watches.
 *
 * Happy path: plain beats have none; a watch or a relayed write below a mount costs one small struct.
 * Failure modes: out of memory is reported before the request is sent, so nothing goes unmarked.
 */
#include "core/store/watch.h"

static const uint8_t watch_bits[4] = {PK_INTENT_DATA, PK_INTENT_CHILD, PK_INTENT_PERSISTENT,
                                      PK_INTENT_RECURSIVE};

/* Bytes of a znode's name and struct, and of those above it up to the mount's root. */
static size_t path_cost(const struct pk_znode *z)
{
    size_t bytes = 0;
    for (; z->parent != NULL; z = z->parent)
        bytes += offsetof(struct pk_znode, name) + z->len;
    return bytes;
}

/* The same of a path that is not tracked. */
static size_t cost_of(const struct pk_mount *mount, struct pk_bytes path)
{
    size_t bytes = path.len - mount->path.len;
    for (uint32_t i = mount->path.len; i < path.len; i++)
        bytes += path.p[i] == '/' ? offsetof(struct pk_znode, name) - 1 : 0;
    return bytes;
}

enum {
    SWEPT = 1000, /* of those of watchers that have ended, in a step: some 0.2 ms */
    WATCH_COST = sizeof(struct pk_watch) + sizeof(struct pk_tracking),
    INTENT_COST = sizeof(struct pk_intent) + sizeof(struct pk_tracking),
};

static void charge(struct pk_store *store, struct pk_watcher *w, const struct pk_znode *z, size_t cost,
                   int sign)
{
    int64_t bytes = sign * (int64_t)(cost + path_cost(z));
    w->bytes += (size_t)bytes;
    pk_store_mount(store, z)->watch_bytes += (uint64_t)bytes;
    store->stats->watch_bytes += bytes;
}

/* The root is tracked anyway. */
static size_t intent_cost(const struct pk_intent *t)
{
    return t->anywhere ? sizeof *t : INTENT_COST;
}

static bool has_room(const struct pk_store *store, const struct pk_watcher *w, const struct pk_target *t,
                     struct pk_bytes path)
{
    size_t cost = WATCH_COST + INTENT_COST + 2 * cost_of(t->mount, path);
    return w->bytes + cost <= store->watch_memory &&
           t->mount->watch_bytes + cost <= (uint64_t)store->watch_memory * PK_WATCH_MOUNT;
}

static uint8_t marked(const struct pk_watch *w)
{
    uint8_t bits = w->standing;
    for (int i = 0; i < 4; i++)
        if (w->inflight[i] > 0)
            bits |= watch_bits[i];
    return bits;
}

static struct pk_watch *find(const struct pk_watcher *watcher, const struct pk_znode *z)
{
    if (z->tracking == NULL)
        return NULL;
    for (struct pk_list *at = z->tracking->watches.next; at != &z->tracking->watches; at = at->next) {
        struct pk_watch *w = PK_CONTAINER(at, struct pk_watch, of_znode);
        if (w->watcher == watcher)
            return w;
    }
    return NULL;
}

static struct pk_watch *make(struct pk_store *store, struct pk_watcher *watcher, struct pk_znode *z)
{
    struct pk_watch *w = pk_pool_get(&store->watches);
    if (w == NULL)
        return NULL;
    w->watcher = watcher;
    w->znode = z;
    charge(store, watcher, z, WATCH_COST, 1);
    if (pk_list_empty(&z->tracking->watches))
        store->stats->watched_paths++;
    pk_list_add_tail(&z->tracking->watches, &w->of_znode);
    pk_list_add_tail(&watcher->watches, &w->of_watcher);
    return w;
}

static void count_recursive(struct pk_store *store, struct pk_znode *z, uint8_t before, uint8_t after)
{
    int change = ((after & PK_INTENT_RECURSIVE) != 0) - ((before & PK_INTENT_RECURSIVE) != 0);
    if (z->parent != NULL || change == 0)
        return;
    store->mounts[z->mount].recursive += (uint32_t)change;
    store->stats->recursive_watches += change;
}

static void drop_if_unmarked(struct pk_store *store, struct pk_watch *w, uint8_t before)
{
    uint8_t after = marked(w);
    struct pk_znode *z = w->znode;
    count_recursive(store, z, before, after);
    if (after != 0)
        return;
    pk_list_del(&w->of_watcher);
    pk_list_del(&w->of_znode);
    charge(store, w->watcher, z, WATCH_COST, -1);
    pk_pool_put(&store->watches, w);
    if (pk_list_empty(&z->tracking->watches))
        store->stats->watched_paths--;
}

static enum pk_err mark(struct pk_store *store, struct pk_watcher *watcher, struct pk_znode *z, uint8_t kinds)
{
    struct pk_watch *w = find(watcher, z);
    if (w == NULL)
        w = make(store, watcher, z);
    if (w == NULL)
        return PK_ENOMEM;
    uint8_t before = marked(w);
    for (int i = 0; i < 4; i++)
        if (kinds & watch_bits[i])
            w->inflight[i]++;
    count_recursive(store, z, before, marked(w));
    return PK_OK;
}

enum pk_err pk_intent_add(struct pk_store *store, struct pk_watcher *w, struct pk_intent **intents,
                          struct pk_znode *z, uint8_t kinds)
{
    struct pk_tracking *tracking = pk_store_tracking(store, z);
    struct pk_intent *t = tracking != NULL ? pk_pool_get(&store->intents) : NULL;
    if (t == NULL || ((kinds & PK_INTENT_WATCHES) != 0 && mark(store, w, z, kinds) != PK_OK)) {
        if (t != NULL)
            pk_pool_put(&store->intents, t);
        pk_store_tidy(store, z);
        return PK_ENOMEM;
    }
    if (z->cached != NULL)
        store->invalidations++; /* a queued local exists of it may have to be asked */
    *t = (struct pk_intent){.next = *intents, .znode = z, .kinds = kinds};
    *intents = t;
    charge(store, w, z, intent_cost(*intents), 1);
    if (kinds & (PK_INTENT_WRITE | PK_INTENT_SHOW))
        tracking->inflight++;
    tracking->changes++;
    return PK_OK;
}

/* Of several paths of one request that are not tracked the first stands for all. */
static enum pk_err intend_anywhere(struct pk_store *store, struct pk_watcher *w, struct pk_intent **intents,
                                   struct pk_mount *mount, uint8_t kinds)
{
    struct pk_intent *first = *intents;
    uint8_t whole = kinds & PK_INTENT_WATCHES ? PK_INTENT_RECURSIVE : 0;
    if (first != NULL && first->anywhere && first->znode == mount->root && (first->kinds & whole) == whole)
        return PK_OK;
    enum pk_err err = pk_intent_add(store, w, intents, mount->root, whole);
    if (err != PK_OK)
        return err;
    charge(store, w, mount->root, intent_cost(*intents), -1);
    (*intents)->anywhere = true;
    charge(store, w, mount->root, intent_cost(*intents), 1);
    mount->anywhere++;
    return PK_OK;
}

enum pk_err pk_intend(struct pk_store *store, struct pk_watcher *w, struct pk_intent **intents,
                      const struct pk_target *target, struct pk_bytes path, uint8_t kinds, size_t nth,
                      bool *full)
{
    bool many = nth >= PK_INTENT_PATHS && (kinds & (PK_INTENT_WATCHES | PK_INTENT_TRANSIENT)) == 0;
    bool only_watches = (kinds & ~PK_INTENT_WATCHES) == 0;
    struct pk_znode *z = target->znode;
    *full = (only_watches && nth >= PK_INTENT_WATCHED) ||
            ((z == NULL || (only_watches && z->parent != NULL)) && !has_room(store, w, target, path));
    if (*full || (many && z == NULL))
        return intend_anywhere(store, w, intents, target->mount, kinds);
    if (z == NULL)
        z = pk_store_track(store, target->mount, path);
    return z != NULL ? pk_intent_add(store, w, intents, z, kinds) : PK_ENOMEM;
}

static void end_watch(struct pk_store *store, struct pk_watch *w, uint8_t kinds, uint8_t stand)
{
    uint8_t before = marked(w);
    for (int i = 0; i < 4; i++)
        if (kinds & watch_bits[i])
            w->inflight[i]--;
    w->standing |= kinds & stand;
    drop_if_unmarked(store, w, before);
}

static void end_anywhere(struct pk_store *store, struct pk_mount *mount)
{
    mount->anywhere--;
    if (mount->changed_zxid <= store->stats->newest_zxid)
        mount->changed_zxid = store->stats->newest_zxid + 1;
}

static void end_intent(struct pk_store *store, struct pk_watcher *watcher, struct pk_intent *t, bool success,
                       uint8_t stand)
{
    struct pk_znode *z = t->znode;
    if (t->kinds & (PK_INTENT_WRITE | PK_INTENT_SHOW))
        z->tracking->inflight--;
    if (z->tracking != NULL) /* a root need not be tracked for what is anywhere */
        z->tracking->changes++;
    struct pk_watch *w = t->kinds & PK_INTENT_WATCHES ? find(watcher, z) : NULL;
    if (t->anywhere && stand != 0)
        stand = PK_INTENT_RECURSIVE;
    if (t->anywhere)
        end_anywhere(store, pk_store_mount(store, z));
    charge(store, watcher, z, intent_cost(t), -1);
    if (w != NULL)
        end_watch(store, w, t->kinds, success ? PK_INTENT_WATCHES : stand);
    if (success && (t->kinds & PK_INTENT_DELETE) && !pk_znode_held(z)) {
        struct pk_change change = {.kind = PK_CHANGE_GONE, .znode = z};
        (void)!pk_store_apply(store, &change); /* cannot fail */
    }
    if (success && (t->kinds & PK_INTENT_TRANSIENT))
        z->no_local_creates = true;
}

void pk_intents_end(struct pk_store *store, struct pk_watcher *w, struct pk_intent **intents, bool success,
                    uint8_t watches_stand)
{
    while (*intents != NULL) {
        struct pk_intent *t = *intents;
        *intents = t->next;
        end_intent(store, w, t, success, watches_stand);
        pk_store_tidy(store, t->znode);
        pk_pool_put(&store->intents, t);
    }
}

enum pk_err pk_watch_stands(struct pk_store *store, struct pk_watcher *watcher,
                            const struct pk_target *target, struct pk_bytes path, uint8_t kinds)
{
    struct pk_znode *z = target->znode;
    if (z == NULL && !has_room(store, watcher, target, path)) {
        z = target->mount->root;
        kinds = PK_INTENT_RECURSIVE;
    }
    if (z == NULL)
        z = pk_store_track(store, target->mount, path);
    if (z == NULL)
        return PK_ENOMEM;
    struct pk_watch *w = NULL;
    if (pk_store_tracking(store, z) != NULL) {
        w = find(watcher, z);
        w = w != NULL ? w : make(store, watcher, z);
    }
    if (w == NULL) {
        pk_store_tidy(store, z);
        return PK_ENOMEM;
    }
    uint8_t before = marked(w);
    w->standing |= kinds;
    count_recursive(store, z, before, marked(w));
    return PK_OK;
}

/* The watch bits that an event leaves. */
static uint8_t left_by(int32_t event)
{
    switch (event) {
    case PK_EVENT_CREATED:
    case PK_EVENT_DATA_CHANGED:
        return (uint8_t)~PK_INTENT_DATA;
    case PK_EVENT_DELETED:
        return (uint8_t) ~(PK_INTENT_DATA | PK_INTENT_CHILD);
    case PK_EVENT_CHILDREN_CHANGED:
        return (uint8_t)~PK_INTENT_CHILD;
    default:
        return UINT8_MAX;
    }
}

void pk_watches_fired(struct pk_store *store, struct pk_watcher *watcher, struct pk_znode *z, int32_t event)
{
    struct pk_watch *w = find(watcher, z);
    if (w == NULL)
        return;
    uint8_t before = marked(w);
    w->standing &= left_by(event);
    drop_if_unmarked(store, w, before);
}

/* Nothing is watched by it any more, but it is there still. */
static void unmark(struct pk_store *store, struct pk_watch *w)
{
    uint8_t before = marked(w);
    w->standing = 0;
    for (int i = 0; i < 4; i++)
        w->inflight[i] = 0;
    if ((before & PK_INTENT_RECURSIVE) != 0)
        count_recursive(store, w->znode, before, 0);
}

void pk_watches_end(struct pk_store *store, struct pk_watcher *watcher)
{
    PK_LIST_EACH(at, tmp, &watcher->watches) {
        struct pk_watch *w = PK_CONTAINER(at, struct pk_watch, of_watcher);
        unmark(store, w);
        w->watcher = &store->ended;
        pk_list_del(at);
        pk_list_add_tail(&store->ended.watches, at);
    }
    store->ended.bytes += watcher->bytes;
    watcher->bytes = 0;
    pk_watches_sweep(store);
}

size_t pk_watches_sweep(struct pk_store *store)
{
    size_t n = 0;
    for (; n < SWEPT && pk_watches_ended(store); n++) {
        struct pk_watch *w = PK_CONTAINER(store->ended.watches.next, struct pk_watch, of_watcher);
        struct pk_znode *z = w->znode;
        drop_if_unmarked(store, w, 0);
        pk_store_tidy(store, z);
    }
    return n;
}

size_t pk_watcher_bytes(const struct pk_watcher *watcher)
{
    size_t bytes = 0;
    for (const struct pk_list *at = watcher->watches.next; at != &watcher->watches; at = at->next)
        bytes += WATCH_COST + path_cost(PK_CONTAINER(at, struct pk_watch, of_watcher)->znode);
    return bytes;
}

size_t pk_intents_bytes(const struct pk_intent *intents)
{
    size_t bytes = 0;
    for (; intents != NULL; intents = intents->next)
        bytes += intent_cost(intents) + path_cost(intents->znode);
    return bytes;
}

static bool any_watch(const struct pk_znode *z, uint8_t bits)
{
    if (z == NULL || z->tracking == NULL)
        return false;
    for (struct pk_list *at = z->tracking->watches.next; at != &z->tracking->watches; at = at->next)
        if (marked(PK_CONTAINER(at, struct pk_watch, of_znode)) & bits)
            return true;
    return false;
}

static bool watched_from_above(const struct pk_znode *z)
{
    for (; z != NULL; z = z->parent)
        if (any_watch(z, PK_INTENT_RECURSIVE))
            return true;
    return false;
}

bool pk_data_watched(const struct pk_store *store, const struct pk_znode *z)
{
    const struct pk_mount *mount = pk_store_mount(store, z);
    if (mount->config.absorb_watched)
        return false;
    return mount->recursive > 0 || any_watch(z, PK_INTENT_DATA | PK_INTENT_PERSISTENT) ||
           watched_from_above(z);
}

bool pk_watched(const struct pk_target *t)
{
    if (t->mount->config.absorb_watched)
        return false;
    return t->mount->recursive > 0 || any_watch(t->znode, PK_INTENT_WATCHES) ||
           any_watch(t->parent, PK_INTENT_CHILD | PK_INTENT_PERSISTENT) || watched_from_above(t->deepest);
}
