/*
 * What must be done first.
 *
 * Happy path: nothing that is asked for is local, nothing is collected, and no memory is allocated.
 * Failure modes: out of memory is reported before anything is sent.
 */
#include "core/sync/plan.h"

#include "proto/path.h"

static enum pk_err push(struct pk_store *store, struct pk_znodes *list, struct pk_znode *z)
{
    if (list->n == list->cap) {
        uint32_t want = list->cap > 0 ? list->cap * 2 : 8;
        struct pk_znode **grown = pk_resize(store->mem, list->v, want * sizeof *list->v);
        if (grown == NULL)
            return PK_ENOMEM;
        list->v = grown;
        list->cap = want;
    }
    list->v[list->n++] = z;
    return PK_OK;
}

/* True when the znode, or what it would be created below, cannot be promoted. */
static bool unfit(const struct pk_znode *z)
{
    while (pk_znode_held(z) && !z->unfit)
        z = z->parent;
    return pk_znode_held(z);
}

/* Adds a held znode behind its held ancestors. */
static enum pk_err add(struct pk_store *store, struct pk_plan *plan, struct pk_znode *z)
{
    if (!pk_znode_held(z) || plan->full || !pk_store_meets(store, z) || unfit(z))
        return PK_OK;
    if (z->parent != NULL) {
        enum pk_err err = add(store, plan, z->parent);
        if (err != PK_OK)
            return err;
    }
    plan->full = plan->promote.n + 1 >= PK_PLAN_MOST;
    return push(store, &plan->promote, z);
}

/* Adds an upstream parent whose local deletes have to be replayed. */
static enum pk_err add_deletes(struct pk_store *store, struct pk_plan *plan, struct pk_znode *z)
{
    if (pk_znode_held(z) || (z->held.cversion == 0 && !z->replaying_pairs) || !pk_store_meets(store, z))
        return PK_OK;
    return push(store, &plan->pairs, z);
}

static enum pk_err add_cached(struct pk_store *store, struct pk_plan *plan, struct pk_znode *z)
{
    if (z->cached == NULL || z->cached->value.retired)
        return PK_OK;
    return push(store, &plan->cached, z);
}

/* Everything from root down, local deletes and cached values included: what a recursive watch may see. However often a
 * request names it, and what is above and below it, it is walked over once. */
static enum pk_err add_subtree(struct pk_store *store, struct pk_plan *plan, struct pk_znode *root)
{
    enum pk_err err = PK_OK;
    struct pk_znode *z = root;
    plan->held += pk_znode_held_below(root);
    for (; z != NULL && err == PK_OK && !plan->full; plan->steps++) {
        if (z->below != NULL && !pk_store_enters(store, &z->below->walked)) {
            z = pk_znode_walk_past(root, z);
            continue;
        }
        err = add(store, plan, z);
        if (err == PK_OK)
            err = add_deletes(store, plan, z);
        if (err == PK_OK)
            err = add_cached(store, plan, z);
        z = pk_znode_walk(root, z);
    }
    return err;
}

static enum pk_err add_children(struct pk_store *store, struct pk_plan *plan, struct pk_znode *parent)
{
    enum pk_err err = PK_OK;
    if (parent->held.nlocal == 0 || !pk_store_enters(store, &parent->below->listed))
        return PK_OK;
    plan->held += (uint32_t)parent->held.nlocal;
    for (struct pk_znode *z = pk_znode_children(parent); z != NULL && err == PK_OK && !plan->full;
         z = z->next, plan->steps++)
        err = add(store, plan, z);
    return err;
}

static enum pk_err add_znode(struct pk_store *store, struct pk_plan *plan, struct pk_znode *z, uint8_t scope)
{
    if (scope & PK_SCOPE_SUBTREE)
        return add_subtree(store, plan, z);
    enum pk_err err = add(store, plan, z);
    if (err == PK_OK && (scope & PK_SCOPE_CHILDREN))
        err = add_children(store, plan, z);
    if (err == PK_OK && (scope & PK_SCOPE_DELETES))
        err = add_deletes(store, plan, z);
    if (err == PK_OK && (scope & PK_SCOPE_DATA))
        err = add_cached(store, plan, z);
    return err;
}

static uint8_t scope_in(const struct pk_mount *m, uint8_t scope, bool watch)
{
    return watch && m->config.absorb_watched ? scope & PK_SCOPE_SELF : scope;
}

enum pk_err pk_plan_add(struct pk_store *store, struct pk_plan *plan, const struct pk_target *target,
                        struct pk_bytes path, uint8_t scope, bool watch)
{
    struct pk_znode *z = target->znode;
    if (target->place != PK_OUTSIDE)
        return z != NULL ? add_znode(store, plan, z, scope_in(target->mount, scope, watch)) : PK_OK;
    enum pk_err err = PK_OK;
    for (size_t i = 0; (scope & PK_SCOPE_SUBTREE) != 0 && i < store->nmounts && err == PK_OK; i++) {
        struct pk_mount *m = &store->mounts[i];
        if (pk_path_below(m->path, path) && (scope_in(m, scope, watch) & PK_SCOPE_SUBTREE) != 0)
            err = add_subtree(store, plan, m->root);
    }
    return err;
}

enum pk_err pk_plan_mount(struct pk_store *store, struct pk_mount *mount, uint32_t max, struct pk_plan *plan)
{
    enum pk_err err = PK_OK;
    struct pk_znode *root = mount->root;
    pk_store_walk_begin(store);
    for (struct pk_znode *z = root; z != NULL && err == PK_OK && plan->promote.n < max;
         z = pk_znode_walk(root, z))
        if (!z->refused)
            err = add(store, plan, z);
    for (struct pk_znode *z = root; z != NULL && err == PK_OK && plan->promote.n == 0;
         z = pk_znode_walk(root, z))
        if (!z->refused && !z->replaying_pairs)
            err = add_deletes(store, plan, z);
    return err;
}

void pk_plan_free(struct pk_store *store, struct pk_plan *plan)
{
    pk_free(store->mem, plan->promote.v);
    pk_free(store->mem, plan->pairs.v);
    pk_free(store->mem, plan->cached.v);
    *plan = (struct pk_plan){0};
}
