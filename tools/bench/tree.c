/*
 * Directories, level by level.
 *
 * Happy path: exists of each ancestor in turn, create2 of what is missing. Failure modes: a code other than
 * NONODE and NODEEXISTS ends the chain and goes to done.
 */
#include "tools/bench/tree.h"

#include <stdio.h>
#include <string.h>

#include "proto/records.h"
#include "tools/bench/request.h"

static struct pk_bytes ancestor(const struct pk_mkdirs *m)
{
    return (struct pk_bytes){(const uint8_t *)m->path, (uint32_t)m->at};
}

static void on_exists(struct pk_zs *s, const struct pk_zs_reply *r);

static void next_level(struct pk_mkdirs *m, struct pk_zs *s)
{
    if (m->path[m->at] == '\0') {
        m->done(s, 0);
        return;
    }
    const char *slash = strchr(m->path + m->at + 1, '/');
    m->at = slash != NULL ? (size_t)(slash - m->path) : strlen(m->path);
    pk_zs_read(s, PK_OP_EXISTS, ancestor(m), on_exists, uv_hrtime());
}

static void on_created(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_mkdirs *m = s->task;
    if (r->err == PK_Z_OK || r->err == PK_Z_NODE_EXISTS)
        next_level(m, s);
    else
        m->done(s, r->err);
}

static void on_exists(struct pk_zs *s, const struct pk_zs_reply *r)
{
    struct pk_mkdirs *m = s->task;
    if (r->err == PK_Z_NO_NODE)
        pk_zs_create(s, ancestor(m), PK_BYTES("\x07"), on_created, uv_hrtime());
    else if (r->err == PK_Z_OK)
        next_level(m, s);
    else
        m->done(s, r->err);
}

void pk_mkdirs(struct pk_mkdirs *m, struct pk_zs *s, const char *path, void (*done)(struct pk_zs *, int err))
{
    m->done = done;
    m->at = 0;
    snprintf(m->path, sizeof m->path, "%s", path);
    s->task = m;
    next_level(m, s);
}
