/*
 * Intents and watches.
 *
 * Happy path: plain beats have none; a watch or a relayed write below a mount costs one small struct.
 * Failure modes: out of memory ends the connection before the request is sent, so nothing goes unmarked.
 */
#include "core/intent.h"

#include "core/cached.h"
#include "core/precheck.h"
#include "proto/path.h"

static const uint8_t watch_bits[4] = {PK_INTENT_DATA, PK_INTENT_CHILD, PK_INTENT_PERSISTENT,
                                      PK_INTENT_RECURSIVE};

static uint8_t marked(const struct pk_watch *w)
{
    uint8_t bits = w->standing;
    for (int i = 0; i < 4; i++)
        if (w->inflight[i] > 0)
            bits |= watch_bits[i];
    return bits;
}

static struct pk_watch *find(const struct pk_conn *c, const struct pk_znode *z)
{
    if (z == NULL || z->aux == NULL)
        return NULL;
    for (struct pk_list *at = z->aux->watches.next; at != &z->aux->watches; at = at->next) {
        struct pk_watch *w = PK_CONTAINER(at, struct pk_watch, of_znode);
        if (w->conn == c)
            return w;
    }
    return NULL;
}

static struct pk_watch *make(struct core *core, struct pk_conn *c, struct pk_znode *z)
{
    struct pk_watch *w = pk_pool_get(&core->watches);
    if (w == NULL)
        return NULL;
    w->conn = c;
    w->znode = z;
    if (pk_list_empty(&z->aux->watches))
        core->stats.watched_paths++;
    pk_list_add_tail(&z->aux->watches, &w->of_znode);
    pk_list_add_tail(&c->watches, &w->of_conn);
    return w;
}

static void count_recursive(struct core *core, struct pk_znode *z, uint8_t before, uint8_t after)
{
    int change = ((after & PK_INTENT_RECURSIVE) != 0) - ((before & PK_INTENT_RECURSIVE) != 0);
    if (z->parent != NULL || change == 0)
        return;
    core->store.mounts[z->mount].recursive += (uint32_t)change;
    core->stats.recursive_watches += change;
}

static void drop_if_unmarked(struct core *core, struct pk_watch *w, uint8_t before)
{
    uint8_t after = marked(w);
    struct pk_znode *z = w->znode;
    count_recursive(core, z, before, after);
    if (after != 0)
        return;
    pk_list_del(&w->of_conn);
    pk_list_del(&w->of_znode);
    pk_pool_put(&core->watches, w);
    if (pk_list_empty(&z->aux->watches))
        core->stats.watched_paths--;
}

static enum pk_err mark(struct core *core, struct pk_conn *c, struct pk_znode *z, uint8_t kinds)
{
    struct pk_watch *w = find(c, z);
    if (w == NULL)
        w = make(core, c, z);
    if (w == NULL)
        return PK_ENOMEM;
    uint8_t before = marked(w);
    for (int i = 0; i < 4; i++)
        if (kinds & watch_bits[i])
            w->inflight[i]++;
    count_recursive(core, z, before, marked(w));
    return PK_OK;
}

enum pk_err pk_intent(struct core *core, struct pk_conn *c, struct pk_entry *e, struct pk_znode *z,
                      uint8_t kinds)
{
    struct pk_tracking *aux = pk_store_tracking(&core->store, z);
    struct pk_intent *t = aux != NULL ? pk_pool_get(&core->intents) : NULL;
    if (t == NULL || ((kinds & PK_INTENT_WATCHES) != 0 && mark(core, c, z, kinds) != PK_OK)) {
        if (t != NULL)
            pk_pool_put(&core->intents, t);
        pk_store_tidy(&core->store, z);
        return PK_ENOMEM;
    }
    if (z->cached != NULL)
        core->store.losses++; /* a queued local exists of it may have to be asked */
    *t = (struct pk_intent){.next = e->intents, .znode = z, .kinds = kinds};
    e->intents = t;
    if (kinds & (PK_INTENT_WRITE | PK_INTENT_SHOW))
        aux->inflight++;
    pk_prechecks_spoil(z);
    return PK_OK;
}

/* What a write that was relayed means for cached znodes: its own is moved on by the answer to a setData (pk_cached_permitted) and
 * ends with any other; the parent's copy is stale when the znode may have come or gone. */
static void settle_cached_znodes(struct core *core, const struct pk_conn *c, const struct pk_entry *e,
                                 const struct pk_intent *t, enum pk_outcome outcome)
{
    struct pk_znode *z = t->znode;
    if (!(t->kinds & PK_INTENT_WRITE) || outcome == PK_OUTCOME_FAILED || c->read_only)
        return;
    bool known = outcome == PK_OUTCOME_OK;
    if (known && e->op == PK_OP_SET_DATA)
        return;
    pk_cached_changed(z, core->stats.newest_zxid + (known ? 0 : 1));
    if (e->op != PK_OP_SET_DATA)
        pk_cached_stale(core, z->parent, core->stats.newest_zxid + (known ? 0 : 1));
    if (z->cached != NULL &&
        (known || !z->cached->dirty)) /* else it was not flushed for this one: a look will tell */
        pk_cached_end(core, z, t->kinds & PK_INTENT_DELETE ? PK_CACHED_GONE : PK_CACHED_OVER);
}

static void settle(struct core *core, struct pk_conn *c, const struct pk_entry *e, struct pk_intent *t,
                   enum pk_outcome outcome, uint8_t stand)
{
    struct pk_znode *z = t->znode;
    bool success = outcome == PK_OUTCOME_OK;
    if (t->kinds & (PK_INTENT_WRITE | PK_INTENT_SHOW))
        z->aux->inflight--;
    pk_prechecks_spoil(z);
    settle_cached_znodes(core, c, e, t, outcome);
    struct pk_watch *w = t->kinds & PK_INTENT_WATCHES ? find(c, z) : NULL;
    if (w != NULL) {
        uint8_t before = marked(w);
        for (int i = 0; i < 4; i++)
            if (t->kinds & watch_bits[i])
                w->inflight[i]--;
        w->standing |= t->kinds & (success ? PK_INTENT_WATCHES : stand);
        drop_if_unmarked(core, w, before);
    }
    if (success && (t->kinds & PK_INTENT_DELETE) && !pk_znode_held(z))
        pk_store_gone(z);
    if (success && (t->kinds & PK_INTENT_TRANSIENT))
        z->no_local_creates = true;
}

void pk_intents_end(struct core *core, struct pk_conn *c, struct pk_entry *e, enum pk_outcome outcome,
                    uint8_t watches_stand)
{
    while (e->intents != NULL) {
        struct pk_intent *t = e->intents;
        e->intents = t->next;
        settle(core, c, e, t, outcome, watches_stand);
        pk_store_tidy(&core->store, t->znode);
        pk_pool_put(&core->intents, t);
    }
}

void pk_watches_fired(struct core *core, struct pk_conn *c, const struct pk_watcher_event *event)
{
    struct pk_znode *z = pk_store_find(&core->store, event->path);
    if (z == NULL) {
        struct pk_znode *up = pk_store_find(&core->store, pk_path_parent(event->path));
        pk_cached_stale(core, up, core->stats.newest_zxid + 1);
        return;
    }
    pk_cached_event(core, z, event->type);
    struct pk_watch *w = find(c, z);
    if (w == NULL) {
        pk_store_tidy(&core->store, z);
        return;
    }
    uint8_t before = marked(w);
    switch (event->type) {
    case PK_EVENT_CREATED:
    case PK_EVENT_DATA_CHANGED:
        w->standing &= (uint8_t)~PK_INTENT_DATA;
        break;
    case PK_EVENT_DELETED:
        w->standing &= (uint8_t) ~(PK_INTENT_DATA | PK_INTENT_CHILD);
        break;
    case PK_EVENT_CHILDREN_CHANGED:
        w->standing &= (uint8_t)~PK_INTENT_CHILD;
        break;
    default:
        break;
    }
    drop_if_unmarked(core, w, before);
    pk_store_tidy(&core->store, z);
}

void pk_watches_end(struct core *core, struct pk_conn *c)
{
    PK_LIST_EACH(at, tmp, &c->watches) {
        struct pk_watch *w = PK_CONTAINER(at, struct pk_watch, of_conn);
        struct pk_znode *z = w->znode;
        uint8_t before = marked(w);
        w->standing = 0;
        for (int i = 0; i < 4; i++)
            w->inflight[i] = 0;
        drop_if_unmarked(core, w, before);
        pk_store_tidy(&core->store, z);
    }
}

static bool any_watch(const struct pk_znode *z, uint8_t bits)
{
    if (z == NULL || z->aux == NULL)
        return false;
    for (struct pk_list *at = z->aux->watches.next; at != &z->aux->watches; at = at->next)
        if (marked(PK_CONTAINER(at, struct pk_watch, of_znode)) & bits)
            return true;
    return false;
}

bool pk_data_watched(const struct core *core, const struct pk_znode *z)
{
    const struct pk_mount *mount = &core->store.mounts[z->mount];
    if (mount->config.absorb_watched)
        return false;
    if (mount->recursive > 0 || any_watch(z, PK_INTENT_DATA | PK_INTENT_PERSISTENT))
        return true;
    for (; z != NULL; z = z->parent)
        if (any_watch(z, PK_INTENT_RECURSIVE))
            return true;
    return false;
}

bool pk_watched(const struct core *core, const struct pk_mount *mount, struct pk_bytes path)
{
    if (mount->config.absorb_watched)
        return false;
    if (mount->recursive > 0 || any_watch(pk_store_find(&core->store, path), PK_INTENT_WATCHES))
        return true;
    struct pk_bytes up = pk_path_parent(path);
    if (any_watch(pk_store_find(&core->store, up), PK_INTENT_CHILD | PK_INTENT_PERSISTENT))
        return true;
    for (; up.len >= mount->path.len; up = pk_path_parent(up))
        if (any_watch(pk_store_find(&core->store, up), PK_INTENT_RECURSIVE))
            return true;
    return false;
}

bool pk_intended(const struct pk_znode *z)
{
    return z != NULL && z->aux != NULL && z->aux->inflight > 0;
}
