/*
 * What a request names.
 *
 * Happy path: nothing that is named is created in memory, nothing is collected, and no memory is allocated.
 * Failure modes: out of memory is reported before anything is sent; a body that does not decode names what
 * could be read before the damage (the ensemble refuses such a request whole).
 */
#include "core/targets.h"

#include "core/cached.h"
#include "core/relay.h"
#include "proto/path.h"

enum target_scope {
    TARGET_SELF = 1,     /* the znode and its local ancestors */
    TARGET_CHILDREN = 2, /* its local children too */
    TARGET_SUBTREE = 4,  /* itself and everything below it, with all local deletes */
    TARGET_DELETES = 8,  /* its local deletes of children, when it is upstream */
    TARGET_DATA = 16,    /* its data and version: what was absorbed is flushed */
};

/* One path that a request names. */
struct target {
    struct pk_bytes path;
    uint8_t names;  /* enum target_scope */
    uint8_t intent; /* enum pk_intent_kind */
};

/* Iterates over what a request names. */
struct targets {
    const struct pk_request *req;
    struct pk_in multi;
    struct pk_watches watches;
    struct target pending; /* the second target of a create */
    bool started, has_pending;
};

/* Where a sequential create's parent is: the suffix is judged as part of the name, so "/m/a/" is below
 * "/m/a". */
static struct pk_bytes sequential_parent(struct pk_bytes path)
{
    if (path.len > 1 && path.p[path.len - 1] == '/')
        return (struct pk_bytes){path.p, path.len - 1};
    return pk_path_parent(path);
}

static bool is_sequential(const struct pk_request *r)
{
    if (r->op == PK_OP_CREATE_CONTAINER)
        return false;
    return r->version == PK_CREATE_SEQUENTIAL || r->version == PK_CREATE_EPHEMERAL_SEQUENTIAL ||
           r->version == PK_CREATE_TTL_SEQUENTIAL;
}

static struct target name_create(struct targets *t, const struct pk_request *r)
{
    if (is_sequential(r))
        return (struct target){sequential_parent(r->path),
                               TARGET_SELF | TARGET_CHILDREN | TARGET_DELETES | TARGET_DATA, PK_INTENT_WRITE};
    t->has_pending = true;
    t->pending = (struct target){pk_path_parent(r->path), TARGET_SELF, 0};
    bool transient = r->op == PK_OP_CREATE_CONTAINER || r->op == PK_OP_CREATE_TTL;
    return (struct target){r->path, TARGET_SELF | TARGET_DATA,
                           PK_INTENT_WRITE | (transient ? PK_INTENT_TRANSIENT : 0)};
}

static struct target name_watch(struct pk_bytes path, uint8_t kind)
{
    uint8_t names = TARGET_SELF | TARGET_DATA;
    if (kind == PK_INTENT_RECURSIVE)
        names = TARGET_SUBTREE;
    else if (kind != PK_INTENT_DATA)
        names |= TARGET_CHILDREN | TARGET_DELETES;
    return (struct target){path, names, kind};
}

/* in_multi: its answer holds Stats that nobody patches, so the parent's share must be settled first. */
static struct target name_one(struct targets *t, const struct pk_request *r, bool in_multi)
{
    const uint8_t list = TARGET_SELF | TARGET_CHILDREN | TARGET_DELETES, all = list | TARGET_DATA;
    switch (r->op) {
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_CREATE_TTL:
        return name_create(t, r);
    case PK_OP_DELETE:
        return (struct target){r->path, TARGET_SELF | TARGET_CHILDREN | TARGET_DATA,
                               PK_INTENT_WRITE | PK_INTENT_DELETE};
    case PK_OP_SET_ACL:
        return (struct target){r->path, all, PK_INTENT_WRITE};
    case PK_OP_EXISTS:
    case PK_OP_GET_DATA:
        return in_multi ? (struct target){r->path, all, PK_INTENT_SHOW} : name_watch(r->path, PK_INTENT_DATA);
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
        return in_multi ? (struct target){r->path, list, 0} : name_watch(r->path, PK_INTENT_CHILD);
    case PK_OP_ADD_WATCH:
        return name_watch(r->path, r->version == PK_WATCH_PERSISTENT_RECURSIVE ? PK_INTENT_RECURSIVE
                                                                               : PK_INTENT_PERSISTENT);
    case PK_OP_SET_DATA:
        return (struct target){r->path, in_multi ? all : TARGET_SELF | TARGET_DATA, PK_INTENT_WRITE};
    default:
        return (struct target){r->path, TARGET_SELF | TARGET_DATA, PK_INTENT_SHOW};
    }
}

static void targets_begin(struct targets *t, const struct pk_request *req)
{
    *t = (struct targets){.req = req};
    if (req->op == PK_OP_MULTI || req->op == PK_OP_MULTI_READ)
        t->multi = pk_in(req->body.p, req->body.len);
    else if (req->op == PK_OP_SET_WATCHES || req->op == PK_OP_SET_WATCHES2)
        pk_watches_begin(&t->watches, req);
}

static bool next_of_watches(struct targets *t, struct target *target)
{
    static const uint8_t kinds[] = {PK_INTENT_DATA, PK_INTENT_DATA, PK_INTENT_CHILD, PK_INTENT_PERSISTENT,
                                    PK_INTENT_RECURSIVE};
    struct pk_bytes path;
    if (!pk_watches_next(&t->watches, &path))
        return false;
    *target = name_watch(path, kinds[t->watches.list]);
    return true;
}

static bool targets_next(struct targets *t, struct target *target)
{
    if (t->has_pending) {
        t->has_pending = false;
        *target = t->pending;
        return true;
    }
    struct pk_request sub;
    switch (t->req->op) {
    case PK_OP_MULTI:
    case PK_OP_MULTI_READ:
        if (!pk_multi_next(&t->multi, &sub))
            return false;
        *target = name_one(t, &sub, true);
        return true;
    case PK_OP_SET_WATCHES:
    case PK_OP_SET_WATCHES2:
        return next_of_watches(t, target);
    default:
        if (t->started)
            return false;
        t->started = true;
        *target = name_one(t, t->req, false);
        return true;
    }
}

static enum pk_err push(struct core *core, struct pk_znode ***v, uint32_t *n, uint32_t *cap,
                        struct pk_znode *z)
{
    if (*n == *cap) {
        uint32_t want = *cap > 0 ? *cap * 2 : 8;
        struct pk_znode **grown = pk_resize(core->mem, *v, want * sizeof **v);
        if (grown == NULL)
            return PK_ENOMEM;
        *v = grown;
        *cap = want;
    }
    (*v)[(*n)++] = z;
    return PK_OK;
}

/* Adds a held znode behind its held ancestors. */
static enum pk_err add(struct core *core, struct pk_plan *what, struct pk_znode *z)
{
    if (!pk_znode_held(z) || z->named)
        return PK_OK;
    if (pk_znode_busy(z))
        what->busy = true;
    if (z->parent != NULL) {
        enum pk_err err = add(core, what, z->parent);
        if (err != PK_OK)
            return err;
    }
    enum pk_err err = push(core, &what->v, &what->n, &what->cap, z);
    if (err == PK_OK)
        z->named = true;
    return err;
}

/* Adds an upstream parent whose local deletes have to be replayed. */
static enum pk_err add_local_deletes(struct core *core, struct pk_plan *what, struct pk_znode *z)
{
    if (pk_znode_held(z) || z->named || (z->cversion == 0 && !z->replaying_pairs))
        return PK_OK;
    if (z->replaying_pairs)
        what->busy = true;
    z->named = true;
    return push(core, &what->settle, &what->npairs, &what->settle_cap, z);
}

static enum pk_err add_cached(struct core *core, struct pk_plan *what, struct pk_znode *z)
{
    if (z->cached == NULL || z->cached->over)
        return PK_OK;
    return push(core, &what->cached, &what->ncached, &what->cached_cap, z);
}

/* Everything from root down, local deletes and cached znodes included: what a recursive watch may see. */
static enum pk_err add_subtree(struct core *core, struct pk_plan *what, struct pk_znode *root)
{
    enum pk_err err = PK_OK;
    for (struct pk_znode *z = root; z != NULL && err == PK_OK; z = pk_znode_walk(root, z)) {
        err = add(core, what, z);
        if (err == PK_OK)
            err = add_local_deletes(core, what, z);
        if (err == PK_OK)
            err = add_cached(core, what, z);
    }
    return err;
}

static enum pk_err add_children(struct core *core, struct pk_plan *what, struct pk_znode *parent)
{
    enum pk_err err = PK_OK;
    for (struct pk_znode *z = parent->nlocal > 0 ? parent->children : NULL; z != NULL && err == PK_OK;
         z = z->next)
        err = add(core, what, z);
    return err;
}

/* A watch that does not end absorbing sees what the ensemble sees; only the znode itself must be there. */
static uint8_t scope_in(const struct pk_mount *mount, const struct target *target)
{
    if (mount->config.absorb_watched && (target->intent & PK_INTENT_WATCHES) != 0)
        return target->names & TARGET_SELF;
    return target->names;
}

static enum pk_err add_mounts_below(struct core *core, struct pk_plan *what, const struct target *target)
{
    enum pk_err err = PK_OK;
    for (size_t i = 0; i < core->store.nmounts && err == PK_OK; i++) {
        const struct pk_mount *m = &core->store.mounts[i];
        if (pk_path_below(m->path, target->path) && (scope_in(m, target) & TARGET_SUBTREE))
            err = add_subtree(core, what, m->root);
    }
    return err;
}

static enum pk_err add_target(struct core *core, struct pk_plan *what, const struct target *target)
{
    struct pk_mount *mount;
    enum pk_err err = PK_OK;
    if (pk_store_place(&core->store, target->path, &mount) == PK_OUTSIDE)
        return target->names & TARGET_SUBTREE ? add_mounts_below(core, what, target) : PK_OK;
    uint8_t names = scope_in(mount, target);
    struct pk_znode *z = pk_store_find(&core->store, target->path);
    if (z == NULL)
        return PK_OK;
    if (names & TARGET_SUBTREE)
        return add_subtree(core, what, z);
    err = add(core, what, z);
    if (err == PK_OK && (names & TARGET_CHILDREN))
        err = add_children(core, what, z);
    if (err == PK_OK && (names & TARGET_DELETES))
        err = add_local_deletes(core, what, z);
    if (err == PK_OK && (names & TARGET_DATA))
        err = add_cached(core, what, z);
    return err;
}

static void unmark_named(struct pk_plan *what)
{
    for (uint32_t i = 0; i < what->n; i++)
        what->v[i]->named = false;
    for (uint32_t i = 0; i < what->npairs; i++)
        what->settle[i]->named = false;
}

enum pk_err pk_plan_request(struct core *core, const struct pk_request *req, struct pk_plan *what)
{
    struct targets t;
    struct target target;
    enum pk_err err = PK_OK;
    targets_begin(&t, req);
    while (err == PK_OK && targets_next(&t, &target))
        err = add_target(core, what, &target);
    unmark_named(what);
    return err;
}

enum pk_err pk_plan_mount(struct core *core, struct pk_mount *mount, uint32_t max, struct pk_plan *what)
{
    enum pk_err err = PK_OK;
    struct pk_znode *root = mount->root;
    for (struct pk_znode *z = root; z != NULL && err == PK_OK && what->n < max; z = pk_znode_walk(root, z))
        if (pk_znode_busy(z))
            what->busy = true;
        else if (!z->refused)
            err = add(core, what, z);
    for (struct pk_znode *z = root; z != NULL && err == PK_OK && what->n == 0; z = pk_znode_walk(root, z))
        if (!z->refused && !z->replaying_pairs)
            err = add_local_deletes(core, what, z);
    unmark_named(what);
    return err;
}

void pk_plan_free(struct core *core, struct pk_plan *what)
{
    pk_free(core->mem, what->v);
    pk_free(core->mem, what->settle);
    pk_free(core->mem, what->cached);
    *what = (struct pk_plan){0};
}

void pk_catch_up(struct core *core, struct pk_conn *c, const struct pk_znode *z)
{
    int64_t newest = 0;
    if (z != NULL && z->state == PK_ZNODE_PROMOTED)
        newest = z->mzxid;
    if (z != NULL && z->cached != NULL && z->cached->base.mzxid > newest)
        newest = z->cached->base.mzxid;
    if (newest > c->uplink_zxid)
        (void)!pk_send_internal(core, c, PK_ANSWER_DROP, PK_OP_SYNC, pk_store_path(&core->store, z));
}

static enum pk_err intent_mounts_below(struct core *core, struct pk_conn *c, struct pk_entry *e,
                                       struct pk_bytes path)
{
    for (size_t i = 0; i < core->store.nmounts; i++) {
        struct pk_mount *m = &core->store.mounts[i];
        if (!pk_path_below(m->path, path))
            continue;
        if (m->config.mode != PK_MODE_RELAY && !m->config.absorb_watched)
            pk_core_log_event(core, PK_LOG_EVENT_RECURSIVE_WATCH, c, path, 0);
        enum pk_err err = pk_intent(core, c, e, m->root, PK_INTENT_RECURSIVE);
        if (err != PK_OK)
            return err;
    }
    return PK_OK;
}

static enum pk_err intent_target(struct core *core, struct pk_conn *c, struct pk_entry *e,
                                 const struct target *target)
{
    struct pk_mount *mount;
    if (pk_store_place(&core->store, target->path, &mount) == PK_OUTSIDE)
        return target->intent & PK_INTENT_RECURSIVE ? intent_mounts_below(core, c, e, target->path) : PK_OK;
    pk_catch_up(core, c, pk_store_find(&core->store, target->path));
    if (target->intent == 0)
        return PK_OK;
    struct pk_znode *z = pk_store_track(&core->store, mount, target->path);
    return z != NULL ? pk_intent(core, c, e, z, target->intent) : PK_ENOMEM;
}

enum pk_err pk_plan_intend(struct core *core, struct pk_conn *c, const struct pk_request *req,
                           struct pk_entry *e)
{
    struct targets t;
    struct target target;
    targets_begin(&t, req);
    while (targets_next(&t, &target)) {
        enum pk_err err = intent_target(core, c, e, &target);
        if (err != PK_OK)
            return err;
    }
    return PK_OK;
}
