/*
 * What a request names.
 *
 * Happy path: nothing that is named is born, nothing is collected, and no memory is allocated.
 * Failure modes: out of memory is reported before anything is sent; a body that does not decode names what
 * could be read before the damage (the ensemble refuses such a request whole).
 */
#include "core/names.h"

#include "core/lease.h"
#include "core/relay.h"
#include "proto/path.h"

enum names_kind {
    NAMES_SELF = 1,     /* the znode and its born ancestors */
    NAMES_CHILDREN = 2, /* its born children too */
    NAMES_SUBTREE = 4,  /* itself and everything below it, with all absorbed deaths */
    NAMES_DEATHS = 8,   /* its absorbed child deaths, when it is upstream */
    NAMES_DATA = 16,    /* its data and version: what was absorbed is flushed */
};

/* One path that a request names. */
struct target {
    struct pk_bytes path;
    uint8_t names; /* enum names_kind */
    uint8_t touch; /* enum pk_touch_kind */
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
                               NAMES_SELF | NAMES_CHILDREN | NAMES_DEATHS | NAMES_DATA, PK_TOUCH_WRITE};
    t->has_pending = true;
    t->pending = (struct target){pk_path_parent(r->path), NAMES_SELF, 0};
    bool transient = r->op == PK_OP_CREATE_CONTAINER || r->op == PK_OP_CREATE_TTL;
    return (struct target){r->path, NAMES_SELF | NAMES_DATA,
                           PK_TOUCH_WRITE | (transient ? PK_TOUCH_TRANSIENT : 0)};
}

static struct target name_watch(struct pk_bytes path, uint8_t kind)
{
    uint8_t names = NAMES_SELF | NAMES_DATA;
    if (kind == PK_TOUCH_RECURSIVE)
        names = NAMES_SUBTREE;
    else if (kind != PK_TOUCH_DATA)
        names |= NAMES_CHILDREN | NAMES_DEATHS;
    return (struct target){path, names, kind};
}

/* in_multi: its answer holds Stats that nobody patches, so the parent's share must be settled first. */
static struct target name_one(struct targets *t, const struct pk_request *r, bool in_multi)
{
    const uint8_t list = NAMES_SELF | NAMES_CHILDREN | NAMES_DEATHS, all = list | NAMES_DATA;
    switch (r->op) {
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_CREATE_TTL:
        return name_create(t, r);
    case PK_OP_DELETE:
        return (struct target){r->path, NAMES_SELF | NAMES_CHILDREN | NAMES_DATA,
                               PK_TOUCH_WRITE | PK_TOUCH_DELETE};
    case PK_OP_SET_ACL:
        return (struct target){r->path, all, PK_TOUCH_WRITE};
    case PK_OP_EXISTS:
    case PK_OP_GET_DATA:
        return in_multi ? (struct target){r->path, all, PK_TOUCH_SHOW} : name_watch(r->path, PK_TOUCH_DATA);
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
        return in_multi ? (struct target){r->path, list, 0} : name_watch(r->path, PK_TOUCH_CHILD);
    case PK_OP_ADD_WATCH:
        return name_watch(r->path, r->version == PK_WATCH_PERSISTENT_RECURSIVE ? PK_TOUCH_RECURSIVE
                                                                               : PK_TOUCH_PERSISTENT);
    case PK_OP_SET_DATA:
        return (struct target){r->path, in_multi ? all : NAMES_SELF | NAMES_DATA, PK_TOUCH_WRITE};
    default:
        return (struct target){r->path, NAMES_SELF | NAMES_DATA, PK_TOUCH_SHOW};
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
    static const uint8_t kinds[] = {PK_TOUCH_DATA, PK_TOUCH_DATA, PK_TOUCH_CHILD, PK_TOUCH_PERSISTENT,
                                    PK_TOUCH_RECURSIVE};
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
static enum pk_err add(struct core *core, struct pk_naming *what, struct pk_znode *z)
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

/* Adds an upstream parent whose absorbed deaths have to be replayed. */
static enum pk_err add_deaths(struct core *core, struct pk_naming *what, struct pk_znode *z)
{
    if (pk_znode_held(z) || z->named || (z->cversion == 0 && !z->settling))
        return PK_OK;
    if (z->settling)
        what->busy = true;
    z->named = true;
    return push(core, &what->settle, &what->nsettle, &what->settle_cap, z);
}

static enum pk_err add_lease(struct core *core, struct pk_naming *what, struct pk_znode *z)
{
    if (z->lease == NULL || z->lease->over)
        return PK_OK;
    return push(core, &what->leased, &what->nleased, &what->leased_cap, z);
}

/* Everything from root down, deaths and leases included: what a recursive watch may see. */
static enum pk_err add_subtree(struct core *core, struct pk_naming *what, struct pk_znode *root)
{
    enum pk_err err = PK_OK;
    for (struct pk_znode *z = root; z != NULL && err == PK_OK; z = pk_znode_walk(root, z)) {
        err = add(core, what, z);
        if (err == PK_OK)
            err = add_deaths(core, what, z);
        if (err == PK_OK)
            err = add_lease(core, what, z);
    }
    return err;
}

static enum pk_err add_children(struct core *core, struct pk_naming *what, struct pk_znode *parent)
{
    enum pk_err err = PK_OK;
    for (struct pk_znode *z = parent->nborn > 0 ? parent->children : NULL; z != NULL && err == PK_OK;
         z = z->next)
        err = add(core, what, z);
    return err;
}

/* A watch that does not end absorbing sees what the ensemble sees; only the znode itself must be there. */
static uint8_t names_in(const struct pk_mount *mount, const struct target *target)
{
    if (mount->config.absorb_watched && (target->touch & PK_TOUCH_WATCHES) != 0)
        return target->names & NAMES_SELF;
    return target->names;
}

static enum pk_err add_mounts_below(struct core *core, struct pk_naming *what, const struct target *target)
{
    enum pk_err err = PK_OK;
    for (size_t i = 0; i < core->store.nmounts && err == PK_OK; i++) {
        const struct pk_mount *m = &core->store.mounts[i];
        if (pk_path_below(m->path, target->path) && (names_in(m, target) & NAMES_SUBTREE))
            err = add_subtree(core, what, m->root);
    }
    return err;
}

static enum pk_err add_target(struct core *core, struct pk_naming *what, const struct target *target)
{
    struct pk_mount *mount;
    enum pk_err err = PK_OK;
    if (pk_store_place(&core->store, target->path, &mount) == PK_OUTSIDE)
        return target->names & NAMES_SUBTREE ? add_mounts_below(core, what, target) : PK_OK;
    uint8_t names = names_in(mount, target);
    struct pk_znode *z = pk_store_find(&core->store, target->path);
    if (z == NULL)
        return PK_OK;
    if (names & NAMES_SUBTREE)
        return add_subtree(core, what, z);
    err = add(core, what, z);
    if (err == PK_OK && (names & NAMES_CHILDREN))
        err = add_children(core, what, z);
    if (err == PK_OK && (names & NAMES_DEATHS))
        err = add_deaths(core, what, z);
    if (err == PK_OK && (names & NAMES_DATA))
        err = add_lease(core, what, z);
    return err;
}

static void unmark_named(struct pk_naming *what)
{
    for (uint32_t i = 0; i < what->n; i++)
        what->v[i]->named = false;
    for (uint32_t i = 0; i < what->nsettle; i++)
        what->settle[i]->named = false;
}

enum pk_err pk_names_collect(struct core *core, const struct pk_request *req, struct pk_naming *what)
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

enum pk_err pk_names_collect_mount(struct core *core, struct pk_mount *mount, uint32_t max,
                                   struct pk_naming *what)
{
    enum pk_err err = PK_OK;
    struct pk_znode *root = mount->root;
    for (struct pk_znode *z = root; z != NULL && err == PK_OK && what->n < max; z = pk_znode_walk(root, z))
        if (pk_znode_busy(z))
            what->busy = true;
        else if (!z->refused)
            err = add(core, what, z);
    for (struct pk_znode *z = root; z != NULL && err == PK_OK && what->n == 0; z = pk_znode_walk(root, z))
        if (!z->refused && !z->settling)
            err = add_deaths(core, what, z);
    unmark_named(what);
    return err;
}

void pk_naming_free(struct core *core, struct pk_naming *what)
{
    pk_free(core->mem, what->v);
    pk_free(core->mem, what->settle);
    pk_free(core->mem, what->leased);
    *what = (struct pk_naming){0};
}

void pk_catch_up(struct core *core, struct pk_conn *c, const struct pk_znode *z)
{
    int64_t newest = 0;
    if (z != NULL && z->state == PK_ZNODE_SUNK)
        newest = z->mzxid;
    if (z != NULL && z->lease != NULL && z->lease->base.mzxid > newest)
        newest = z->lease->base.mzxid;
    if (newest > c->uplink_zxid)
        (void)!pk_send_own(core, c, PK_ANSWER_DROP, PK_OP_SYNC, pk_store_path(&core->store, z));
}

static enum pk_err touch_mounts_below(struct core *core, struct pk_conn *c, struct pk_entry *e,
                                      struct pk_bytes path)
{
    for (size_t i = 0; i < core->store.nmounts; i++) {
        struct pk_mount *m = &core->store.mounts[i];
        if (!pk_path_below(m->path, path))
            continue;
        if (m->config.mode != PK_MODE_RELAY && !m->config.absorb_watched)
            pk_core_note(core, PK_NOTE_RECURSIVE_WATCH, c, path, 0);
        enum pk_err err = pk_touch(core, c, e, m->root, PK_TOUCH_RECURSIVE);
        if (err != PK_OK)
            return err;
    }
    return PK_OK;
}

static enum pk_err touch_target(struct core *core, struct pk_conn *c, struct pk_entry *e,
                                const struct target *target)
{
    struct pk_mount *mount;
    if (pk_store_place(&core->store, target->path, &mount) == PK_OUTSIDE)
        return target->touch & PK_TOUCH_RECURSIVE ? touch_mounts_below(core, c, e, target->path) : PK_OK;
    pk_catch_up(core, c, pk_store_find(&core->store, target->path));
    if (c->client == PK_CLIENT_LAST)
        return PK_ENOMEM;
    if (target->touch == 0)
        return PK_OK;
    struct pk_znode *z = pk_store_know(&core->store, mount, target->path);
    return z != NULL ? pk_touch(core, c, e, z, target->touch) : PK_ENOMEM;
}

enum pk_err pk_names_touch(struct core *core, struct pk_conn *c, const struct pk_request *req,
                           struct pk_entry *e)
{
    struct targets t;
    struct target target;
    targets_begin(&t, req);
    while (targets_next(&t, &target)) {
        enum pk_err err = touch_target(core, c, e, &target);
        if (err != PK_OK)
            return err;
    }
    return PK_OK;
}
