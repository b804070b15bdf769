/*
 * Judging requests by the policies.
 *
 * Happy path: a mount without a policy costs a comparison, one with it a walk over its few entries.
 * Failure modes: a multi or setWatches that does not decode is refused: it may mean more to the ensemble than here.
 */
#include "core/serve/guard.h"

/* How far a request reaches. */
enum reach {
    HERE,   /* the path */
    BELOW,  /* the path and what is below it */
    PREFIX, /* every path that begins with these characters */
};

static bool begins_with(struct pk_bytes path, struct pk_bytes with)
{
    return path.len >= with.len && (with.len == 0 || memcmp(path.p, with.p, with.len) == 0);
}

/* However deep it is, valid or not: no request may get by because its path is odd. */
static bool at_or_below(struct pk_bytes path, struct pk_bytes mount)
{
    return begins_with(path, mount) && (path.len == mount.len || path.p[mount.len] == '/');
}

static bool reaches(struct pk_bytes path, enum reach reach, struct pk_bytes mount)
{
    if (at_or_below(path, mount))
        return true;
    if (reach == HERE)
        return false;
    while (reach == BELOW && path.len > 0 && path.p[path.len - 1] == '/')
        path.len--;
    return reach == BELOW ? at_or_below(mount, path) : begins_with(mount, path);
}

/* exists tells workers whether to create or to write. */
static int32_t exists_perms(const struct pk_policy *policy)
{
    return policy->exists_reads ? PK_PERM_READ : PK_PERM_READ | PK_PERM_WRITE;
}

enum { EXISTS = 0 /* in place of permissions: those of exists */ };

static bool allowed(const struct pk_store *store, const struct pk_identities *ids, struct pk_bytes path,
                    enum reach reach, int32_t perms, struct pk_denial *denial)
{
    for (size_t i = 0; i < store->nmounts; i++) {
        const struct pk_mount *m = &store->mounts[i];
        if (m->policy == NULL || !reaches(path, reach, m->path))
            continue;
        if (pk_identities_allowed(ids, m->policy, perms != EXISTS ? perms : exists_perms(m->policy)))
            continue;
        denial->err = PK_Z_NO_AUTH;
        denial->path = m->path;
        return false;
    }
    return true;
}

/* What an operation needs at its path; -1: nothing. A watch tells of each beat. */
static int32_t perms_of(const struct pk_request *req)
{
    switch (req->op) {
    case PK_OP_EXISTS:
        return req->watch ? PK_PERM_READ : EXISTS;
    case PK_OP_CHECK:
    case PK_OP_GET_EPHEMERALS:
        return EXISTS;
    case PK_OP_GET_DATA:
    case PK_OP_GET_ACL:
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
    case PK_OP_GET_ALL_CHILDREN_NUMBER:
    case PK_OP_ADD_WATCH:
        return PK_PERM_READ;
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_CREATE_TTL:
        return PK_PERM_CREATE;
    case PK_OP_SET_DATA:
        return PK_PERM_WRITE;
    case PK_OP_DELETE:
        return PK_PERM_DELETE;
    case PK_OP_SET_ACL:
        return PK_PERM_ADMIN;
    default:
        return -1;
    }
}

static enum reach reach_of(const struct pk_request *req)
{
    if (req->op == PK_OP_GET_EPHEMERALS)
        return PREFIX;
    return req->op == PK_OP_ADD_WATCH && req->version != PK_WATCH_PERSISTENT ? BELOW : HERE;
}

static bool one_allowed(const struct pk_store *store, const struct pk_identities *ids,
                        const struct pk_request *req, struct pk_denial *denial)
{
    int32_t perms = perms_of(req);
    return perms < 0 || allowed(store, ids, req->path, reach_of(req), perms, denial);
}

static bool malformed(struct pk_denial *denial)
{
    denial->err = PK_Z_MARSHALLING_ERROR;
    return false;
}

static bool multi_allowed(const struct pk_store *store, const struct pk_identities *ids,
                          const struct pk_request *req, struct pk_denial *denial)
{
    struct pk_in in = pk_in(req->body.p, req->body.len);
    struct pk_request sub;
    bool fine = true;
    uint32_t n = 0;
    for (; pk_multi_next(&in, &sub); n++)
        if (fine && !one_allowed(store, ids, &sub, denial)) {
            denial->op = n;
            fine = false;
        }
    denial->ops = n;
    return in.bad ? malformed(denial) : fine;
}

/* Then no path need be looked at. */
static bool may_read_all(const struct pk_store *store, const struct pk_identities *ids)
{
    for (size_t i = 0; i < store->nmounts; i++) {
        const struct pk_policy *policy = store->mounts[i].policy;
        if (policy != NULL && !pk_identities_allowed(ids, policy, PK_PERM_READ))
            return false;
    }
    return true;
}

static bool watches_allowed(const struct pk_store *store, const struct pk_identities *ids,
                            const struct pk_request *req, struct pk_denial *denial)
{
    struct pk_watches watches;
    struct pk_bytes path;
    bool all = may_read_all(store, ids);
    pk_watches_begin(&watches, req);
    while (pk_watches_next(&watches, &path))
        if (!all && !allowed(store, ids, path, watches.list == PK_WATCHES_RECURSIVE ? BELOW : HERE,
                             PK_PERM_READ, denial))
            return false;
    return watches.in.bad ? malformed(denial) : true;
}

bool pk_guard_allows(const struct pk_store *store, const struct pk_identities *ids,
                     const struct pk_request *req, struct pk_denial *denial)
{
    switch (req->info->record) {
    case PK_REC_MULTI:
        return multi_allowed(store, ids, req, denial);
    case PK_REC_SET_WATCHES:
    case PK_REC_SET_WATCHES2:
        return watches_allowed(store, ids, req, denial);
    default:
        return one_allowed(store, ids, req, denial);
    }
}

bool pk_guard_tells(const struct pk_store *store, const struct pk_identities *ids, struct pk_bytes path)
{
    struct pk_denial denial;
    return allowed(store, ids, path, HERE, PK_PERM_READ, &denial);
}
