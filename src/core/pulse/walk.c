/*
 * DELETE_PATH in the ensemble.
 *
 * Happy path: the children of the path are listed; each is deleted, or listed when it has children itself; at the end
 * the path goes. The mount's own znode stays.
 * Failure modes: what is gone already is gone; what the ensemble does not let us delete stays, and the client hears so;
 * somebody who goes on creating is given up against.
 */
#include "core/pulse/walk.h"

#include "core/store/store.h"

enum { MOST_AGAIN = 3 };

/* A znode whose children are deleted one by one. */
struct pk_level {
    struct pk_blob *names; /* of the children, each with its length in front */
    uint32_t off;          /* of the next one */
    int32_t left;
    uint32_t path; /* bytes of the znode's path */
};

void pk_walk_drop(struct pk_pacemaker *pm, struct pk_job *job)
{
    while (job->nlevels > 0)
        pk_blob_unref(pm->sync->mem, job->levels[--job->nlevels].names);
    pk_free(pm->sync->mem, job->levels);
    job->levels = NULL;
    job->levels_cap = 0;
}

static enum pk_walk ask(struct pk_job *job, int32_t op)
{
    job->op = op;
    return PK_WALK_ASKS;
}

enum pk_walk pk_walk_begin(struct pk_job *job)
{
    job->at = job->whole;
    return ask(job, PK_OP_GET_CHILDREN);
}

static bool grow(struct pk_pacemaker *pm, struct pk_job *job, size_t len)
{
    if (len <= job->cap)
        return true;
    uint8_t *grown = pk_resize(pm->sync->mem, job->path, 2 * len);
    if (grown == NULL)
        return false;
    job->path = grown;
    job->cap = (uint32_t)(2 * len);
    return true;
}

/* The next child of the innermost level. */
static enum pk_walk next_child(struct pk_pacemaker *pm, struct pk_job *job, struct pk_level *l)
{
    const uint8_t *p = l->names->bytes + l->off;
    uint32_t len = pk_load32(p);
    if (!grow(pm, job, (size_t)l->path + 1 + len))
        return PK_WALK_NO_MEMORY;
    job->path[l->path] = '/';
    memcpy(job->path + l->path + 1, p + 4, len);
    job->at = l->path + 1 + len;
    l->off += 4 + len;
    l->left--;
    job->emptied = false;
    return ask(job, PK_OP_DELETE);
}

static enum pk_walk next(struct pk_pacemaker *pm, struct pk_job *job)
{
    while (job->nlevels > 0) {
        struct pk_level *l = &job->levels[job->nlevels - 1];
        if (l->left > 0)
            return next_child(pm, job, l);
        job->at = l->path;
        job->emptied = true;
        pk_blob_unref(pm->sync->mem, l->names);
        job->nlevels--;
        if (job->at > pm->mount->path.len)
            return ask(job, PK_OP_DELETE);
    }
    return PK_WALK_ENDS;
}

static bool add_level(struct pk_pacemaker *pm, struct pk_job *job, struct pk_bytes names, int32_t count)
{
    if (job->nlevels == job->levels_cap) {
        uint32_t cap = job->levels_cap > 0 ? 2 * job->levels_cap : 2;
        struct pk_level *grown = pk_resize(pm->sync->mem, job->levels, cap * sizeof(struct pk_level));
        if (grown == NULL)
            return false;
        job->levels = grown;
        job->levels_cap = cap;
    }
    struct pk_blob *blob = pk_blob_new(pm->sync->mem, names.p, names.len);
    if (blob == NULL)
        return false;
    job->levels[job->nlevels++] = (struct pk_level){.names = blob, .left = count, .path = job->at};
    return true;
}

/* A list of children that decodes; else none. */
static int32_t count_names(struct pk_bytes body, struct pk_bytes *names)
{
    struct pk_in in = pk_in(body.p, body.len);
    int32_t n = pk_get_count(&in, 4);
    *names = (struct pk_bytes){in.p, (uint32_t)pk_in_left(&in)};
    for (int32_t i = 0; i < n; i++)
        in.bad |= pk_get_bytes(&in).p == NULL;
    return in.bad || n < 0 ? 0 : n;
}

static enum pk_walk listed(struct pk_pacemaker *pm, struct pk_job *job, const struct pk_reply *r,
                           struct pk_bytes body)
{
    struct pk_bytes names;
    job->denied |= r->err != PK_Z_OK && r->err != PK_Z_NO_NODE;
    if (r->err != PK_Z_OK || job->nlevels == PK_DEPTH_MAX)
        return next(pm, job);
    int32_t count = count_names(body, &names);
    return add_level(pm, job, names, count) ? next(pm, job) : PK_WALK_NO_MEMORY;
}

enum pk_walk pk_walk_answer(struct pk_pacemaker *pm, struct pk_job *job, const struct pk_reply *r,
                            struct pk_bytes body)
{
    if (job->op == PK_OP_GET_CHILDREN)
        return listed(pm, job, r, body);
    if (r->err == PK_Z_NOT_EMPTY && (!job->emptied || job->again++ < MOST_AGAIN))
        return ask(job, PK_OP_GET_CHILDREN);
    job->denied |= r->err != PK_Z_OK && r->err != PK_Z_NO_NODE && r->err != PK_Z_NOT_EMPTY;
    return next(pm, job);
}
