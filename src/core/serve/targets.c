/*
 * What a request targets.
 *
 * Happy path: one path, as it stands in the request.
 * Failure modes: what does not decode ends the iteration.
 */
#include "core/serve/targets.h"

#include "core/conn/conns.h"
#include "proto/path.h"

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

static struct pk_request_target target_create(struct pk_targets *t, const struct pk_request *r)
{
    if (is_sequential(r))
        return (struct pk_request_target){
            sequential_parent(r->path), PK_SCOPE_SELF | PK_SCOPE_CHILDREN | PK_SCOPE_DELETES | PK_SCOPE_DATA,
            PK_INTENT_WRITE};
    t->has_second = true;
    t->second = (struct pk_request_target){pk_path_parent(r->path), PK_SCOPE_SELF, 0};
    bool transient = r->op == PK_OP_CREATE_CONTAINER || r->op == PK_OP_CREATE_TTL;
    return (struct pk_request_target){r->path, PK_SCOPE_SELF | PK_SCOPE_DATA,
                                      PK_INTENT_WRITE | (transient ? PK_INTENT_TRANSIENT : 0)};
}

static struct pk_request_target target_watch(struct pk_bytes path, uint8_t kind)
{
    uint8_t scope = PK_SCOPE_SELF | PK_SCOPE_DATA;
    if (kind == PK_INTENT_RECURSIVE)
        scope = PK_SCOPE_SUBTREE;
    else if (kind != PK_INTENT_DATA)
        scope |= PK_SCOPE_CHILDREN | PK_SCOPE_DELETES;
    return (struct pk_request_target){path, scope, kind};
}

/* in_multi: its answer holds Stats that nobody patches, so the parent's share must be settled first. */
static struct pk_request_target target_one(struct pk_targets *t, const struct pk_request *r, bool in_multi)
{
    const uint8_t list = PK_SCOPE_SELF | PK_SCOPE_CHILDREN | PK_SCOPE_DELETES, all = list | PK_SCOPE_DATA;
    switch (r->op) {
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_CREATE_TTL:
        return target_create(t, r);
    case PK_OP_DELETE:
        return (struct pk_request_target){r->path, PK_SCOPE_SELF | PK_SCOPE_CHILDREN | PK_SCOPE_DATA,
                                          PK_INTENT_WRITE | PK_INTENT_DELETE};
    case PK_OP_SET_ACL:
        return (struct pk_request_target){r->path, all, PK_INTENT_WRITE};
    case PK_OP_EXISTS:
    case PK_OP_GET_DATA:
        return in_multi ? (struct pk_request_target){r->path, all, PK_INTENT_SHOW}
                        : target_watch(r->path, PK_INTENT_DATA);
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
        return in_multi ? (struct pk_request_target){r->path, list, 0}
                        : target_watch(r->path, PK_INTENT_CHILD);
    case PK_OP_ADD_WATCH:
        return target_watch(r->path, r->version == PK_WATCH_PERSISTENT_RECURSIVE ? PK_INTENT_RECURSIVE
                                                                                 : PK_INTENT_PERSISTENT);
    case PK_OP_SET_DATA:
        return (struct pk_request_target){r->path, in_multi ? all : PK_SCOPE_SELF | PK_SCOPE_DATA,
                                          PK_INTENT_WRITE};
    default:
        return (struct pk_request_target){r->path, PK_SCOPE_SELF | PK_SCOPE_DATA, PK_INTENT_SHOW};
    }
}

void pk_targets_begin(struct pk_targets *t, const struct pk_request *req)
{
    *t = (struct pk_targets){.req = req};
    if (req->op == PK_OP_MULTI || req->op == PK_OP_MULTI_READ)
        t->multi = pk_in(req->body.p, req->body.len);
    else if (req->op == PK_OP_SET_WATCHES || req->op == PK_OP_SET_WATCHES2)
        pk_watches_begin(&t->watches, req);
}

static bool next_of_watches(struct pk_targets *t, struct pk_request_target *target)
{
    static const uint8_t kinds[] = {PK_INTENT_DATA, PK_INTENT_DATA, PK_INTENT_CHILD, PK_INTENT_PERSISTENT,
                                    PK_INTENT_RECURSIVE};
    struct pk_bytes path;
    if (!pk_watches_next(&t->watches, &path))
        return false;
    *target = target_watch(path, kinds[t->watches.list]);
    return true;
}

bool pk_targets_next(struct pk_targets *t, struct pk_request_target *target)
{
    if (t->has_second) {
        t->has_second = false;
        *target = t->second;
        return true;
    }
    struct pk_request sub;
    switch (t->req->op) {
    case PK_OP_MULTI:
    case PK_OP_MULTI_READ:
        if (!pk_multi_next(&t->multi, &sub))
            return false;
        *target = target_one(t, &sub, true);
        return true;
    case PK_OP_SET_WATCHES:
    case PK_OP_SET_WATCHES2:
        return next_of_watches(t, target);
    default:
        if (t->started)
            return false;
        t->started = true;
        *target = target_one(t, t->req, false);
        return true;
    }
}

/* Memory need not be looked at for it again: it is unknown, or named as a parent that was not promoted lately. */
static bool is_plain(const struct pk_request_target *t, const struct pk_znode *z)
{
    if (t->intents == 0)
        return t->scope == PK_SCOPE_SELF && (z == NULL || pk_znode_told_zxid(z) == 0);
    return z == NULL && (t->intents & (PK_INTENT_WATCHES | PK_INTENT_TRANSIENT)) == 0;
}

static void see(struct pk_alike *alike, const struct pk_request_target *t, const struct pk_target *found)
{
    const struct pk_mount *mount = is_plain(t, found->znode) ? found->mount : NULL;
    if (alike->mount != mount)
        alike->from = alike->seen;
    alike->mount = mount;
    alike->seen++;
}

enum pk_err pk_targets_plan(struct pk_store *store, const struct pk_request *req, struct pk_plan *plan,
                            struct pk_alike *alike)
{
    struct pk_targets targets;
    struct pk_request_target t;
    enum pk_err err = PK_OK;
    pk_targets_begin(&targets, req);
    for (; err == PK_OK && !plan->full && pk_targets_next(&targets, &t); plan->steps += PK_WORK_TARGET) {
        struct pk_target found = pk_store_target(store, t.path);
        see(alike, &t, &found);
        err = pk_plan_add(store, plan, &found, t.path, t.scope, (t.intents & PK_INTENT_WATCHES) != 0);
    }
    if (plan->full)
        alike->mount = NULL;
    return err;
}
