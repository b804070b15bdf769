/*
 * Pulses that are held.
 *
 * Happy path: SEND_PULSE overwrites data in place, GET_PULSE refers to it.
 * Failure modes: a znode that is being promoted, one of the ensemble, a bound of the mount: not decided here. A long
 * delete goes on in the next turn. Parents that a pulse had made, which have no data, go with their last child.
 */
#include "core/pulse/memory.h"

#include "core/serve/local.h"

static const struct pk_bytes null_data = {NULL, 0};

static void no_memory(struct pk_sync *sync, struct pk_client *c)
{
    pk_conn_close(sync->conns, &c->up, PK_CLOSE_NO_MEMORY);
}

static enum pk_memory refresh(struct pk_sync *sync, struct pk_client *c, const struct pk_target *t,
                              struct pk_bytes details)
{
    if (pk_znode_busy(t->znode) || !pk_local_may_grow(sync, t, details.len))
        return PK_MEMORY_CANNOT;
    if (pk_local_apply(sync, c, PK_CHANGE_SET, t->znode, details) != PK_OK)
        no_memory(sync, c);
    else
        pk_local_absorbed(sync, c);
    return PK_MEMORY_DONE;
}

enum pk_memory pk_memory_send(struct pk_sync *sync, struct pk_client *c, struct pk_bytes path,
                              struct pk_bytes details)
{
    struct pk_target t = pk_local_target(sync, c, path);
    if (pk_znode_held(t.znode))
        return refresh(sync, c, &t, details);
    if (!pk_znode_held(t.parent) || pk_znode_busy(t.parent) || !pk_local_may_create(&t, path) ||
        !pk_local_has_room(sync, &t, path, details.len))
        return PK_MEMORY_CANNOT;
    struct pk_znode *z = pk_store_track(sync->store, t.mount, path);
    if (z != NULL && pk_local_apply(sync, c, PK_CHANGE_LOCAL_CREATE, z, details) == PK_OK) {
        pk_local_absorbed(sync, c);
    } else {
        pk_store_tidy(sync->store, z);
        no_memory(sync, c);
    }
    return PK_MEMORY_DONE;
}

bool pk_memory_knows(struct pk_sync *sync, struct pk_client *c, struct pk_bytes path, struct pk_znode **z)
{
    struct pk_target t = pk_local_target(sync, c, path);
    struct pk_readable r = pk_local_readable(sync, c, &t, path, PK_OP_GET_DATA);
    *z = r.znode;
    return r.yes;
}

/* Neither it nor its parent is on its way to the ensemble. */
static bool may_delete(struct pk_sync *sync, const struct pk_znode *z)
{
    return !pk_znode_busy(z) && !pk_znode_busy(z->parent) && !pk_local_owes_too_much(sync, z->parent);
}

/* Deletes a held znode without held children; its parent, when that one is held, else NULL: it may be gone, too. */
static struct pk_znode *delete_one(struct pk_sync *sync, const struct pk_client *c, struct pk_znode *z)
{
    struct pk_znode *up = pk_znode_held(z->parent) ? z->parent : NULL;
    (void)!pk_local_apply(sync, c, PK_CHANGE_LOCAL_DELETE, z, null_data); /* cannot fail */
    pk_store_tidy(sync->store, z);
    return up;
}

/* Parents that are there for a pulse's sake alone. */
static void prune(struct pk_sync *sync, const struct pk_client *c, struct pk_znode *z)
{
    while (z != NULL && z->data == NULL && z->held.nlocal == 0 && may_delete(sync, z))
        z = delete_one(sync, c, z);
}

enum pk_memory pk_memory_delete(struct pk_sync *sync, struct pk_client *c, struct pk_bytes path)
{
    struct pk_znode *z;
    if (!pk_memory_knows(sync, c, path, &z))
        return PK_MEMORY_CANNOT;
    if (z == NULL || z->data == NULL)
        return PK_MEMORY_DONE;
    if (!may_delete(sync, z))
        return PK_MEMORY_CANNOT;
    if (z->held.nlocal > 0)
        (void)!pk_local_apply(sync, c, PK_CHANGE_SET, z, null_data); /* less than before: cannot fail */
    else
        prune(sync, c, delete_one(sync, c, z));
    pk_local_absorbed(sync, c);
    return PK_MEMORY_DONE;
}

/* A child that is held, or has something held below it. */
static struct pk_znode *held_child(struct pk_conns *conns, const struct pk_znode *z)
{
    struct pk_znode *k = pk_znode_children(z);
    for (; k != NULL && !pk_znode_held(k) && pk_znode_held_below(k) == 0; k = k->next)
        pk_work(conns, 1);
    return k;
}

enum pk_memory pk_memory_delete_all(struct pk_sync *sync, struct pk_client *c, struct pk_bytes path)
{
    struct pk_znode *top;
    bool certain = pk_memory_knows(sync, c, path, &top);
    while ((top = pk_store_find(sync->store, path)) != NULL &&
           (pk_znode_held(top) || pk_znode_held_below(top) > 0)) {
        struct pk_znode *z = top, *below;
        while ((below = held_child(sync->conns, z)) != NULL)
            z = below;
        if (!may_delete(sync, z))
            return PK_MEMORY_CANNOT;
        bool last = z == top;
        struct pk_znode *up = delete_one(sync, c, z);
        pk_local_absorbed(sync, c);
        if (last)
            prune(sync, c, up);
        pk_work(sync->conns, PK_WORK_FRAME);
        if (pk_tired(sync->conns) && !last)
            return PK_MEMORY_RESTS;
    }
    return certain ? PK_MEMORY_DONE : PK_MEMORY_CANNOT;
}
