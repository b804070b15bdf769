/*
 * The census. Happy path: folders are listed and what is in them looked at, one request at a time, in the order in
 * which it was found; then the session is closed. Failure modes: no session, or one that breaks: the result says why;
 * a folder that is not there has nobody, one that may not be read is said to be so; of more than PK_CENSUS_MOST znodes
 * the first.
 */
#include "io/instances/census.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/config/config.h"
#include "io/instances/encode.h"
#include "io/instances/ensemble.h"
#include "io/loop/loop.h"
#include "io/loop/move.h"
#include "io/upstream/servers.h"

enum state { IDLE, ASKING, LEAVING };

static const uint8_t edges[] = {
    [IDLE] = PK_TO(ASKING),
    [ASKING] = PK_TO(LEAVING),
    [LEAVING] = PK_TO(IDLE),
};

struct found {
    struct pk_census_znode *znodes;
    size_t n, cap;
};

struct pk_census {
    struct pk_loop *loop;
    enum state state;
    bool stop;
    struct pk_auth auth;
    struct pk_ensemble *ensemble; /* unless IDLE */
    struct found now;             /* what is being asked for, */
    size_t at;                    /* up to here */
    struct found last;            /* of the result */
    struct pk_census_result result, next;
};

static void move(struct pk_census *c, enum state to)
{
    c->state = pk_move("the census", edges, c->state, to);
}

static void forget(struct found *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->znodes[i].path);
    free(f->znodes);
    *f = (struct found){0};
}

/* ---- what is to be asked for ---- */

static bool grow(struct found *f)
{
    size_t cap = f->cap > 0 ? 2 * f->cap : 64;
    struct pk_census_znode *bigger = f->n < f->cap ? f->znodes : realloc(f->znodes, cap * sizeof *bigger);
    if (bigger == NULL)
        return false;
    f->cap = f->n < f->cap ? f->cap : cap;
    f->znodes = bigger;
    return true;
}

/* False: memory is short. */
static bool add(struct found *f, const struct pk_census_znode *like, const char *parent, struct pk_bytes name)
{
    size_t size = strlen(parent) + 1 + name.len + 1;
    char *path = grow(f) ? malloc(size) : NULL;
    if (path == NULL)
        return false;
    snprintf(path, size, "%s/%.*s", parent, (int)name.len, (const char *)name.p);
    f->znodes[f->n] = *like;
    f->znodes[f->n++].path = path;
    return true;
}

static struct pk_bytes text(const char *s)
{
    return (struct pk_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

static bool add_root(struct found *f, const char *root)
{
    static const char *const folders[PK_CENSUS_KINDS] = {"supervisors", "nimbuses", "leader-lock",
                                                         "workerbeats"};
    for (unsigned kind = 0; kind < PK_CENSUS_KINDS; kind++) {
        const struct pk_census_znode folder = {.kind = (enum pk_census_kind)kind, .folder = true};
        if (!add(f, &folder, root, text(folders[kind])))
            return false;
    }
    return true;
}

/* ---- the end ---- */

static void ended(void *owner)
{
    struct pk_census *c = owner;
    c->ensemble = NULL;
    explicit_bzero(&c->auth, sizeof c->auth);
    forget(&c->last);
    c->last = c->now;
    c->now = (struct found){0};
    c->result = c->next;
    c->result.known = true;
    c->result.known_us = c->loop->now_us;
    c->result.znodes = c->last.znodes;
    c->result.n = c->last.n;
    move(c, IDLE);
}

static void finish(struct pk_census *c, int error)
{
    c->next.error = error;
    move(c, LEAVING);
    pk_ensemble_end(c->ensemble);
}

/* ---- one after the other ---- */

static void ask_next(struct pk_census *c);

/* A child's name that makes a path, and is not cut by a zero byte. */
static bool makes_path(struct pk_bytes name)
{
    return name.len > 0 && name.len < PK_MOUNT_PATH && memchr(name.p, '\0', name.len) == NULL;
}

/* Adds the children of the folder that was listed. False: memory is short. */
static bool take_list(struct pk_census *c, struct pk_in body)
{
    const struct pk_census_znode folder = c->now.znodes[c->at];
    bool topologies = folder.kind == PK_CENSUS_WORKER && !folder.topology;
    const struct pk_census_znode child = {.kind = folder.kind, .folder = topologies, .topology = topologies};
    int32_t left = pk_get_count(&body, 4);
    for (; left > 0 && !body.bad; left--) {
        struct pk_bytes name = pk_get_bytes(&body);
        c->next.cut |= c->now.n >= PK_CENSUS_MOST;
        if (c->next.cut)
            return true;
        if (!body.bad && makes_path(name) && !add(&c->now, &child, folder.path, name))
            return false;
    }
    return true;
}

static void on_list(void *owner, int error, struct pk_in body)
{
    struct pk_census *c = owner;
    struct pk_census_znode *folder = &c->now.znodes[c->at];
    if (error > 0) {
        finish(c, error);
        return;
    }
    if (error < 0 && error != PK_Z_NO_NODE)
        c->next.refused[folder->kind] = error;
    if (error == 0 && !take_list(c, body)) {
        finish(c, PK_ENSEMBLE_MEMORY);
        return;
    }
    c->at++;
    ask_next(c);
}

static void on_znode(void *owner, int error, struct pk_in body)
{
    struct pk_census *c = owner;
    struct pk_census_znode *z = &c->now.znodes[c->at];
    if (error > 0) {
        finish(c, error);
        return;
    }
    struct pk_stat stat = {0};
    const uint8_t *bytes = error == 0 ? pk_in_take(&body, PK_STAT_LEN) : NULL;
    if (bytes != NULL)
        pk_stat_load(&stat, bytes);
    z->there = bytes != NULL;
    z->owner = stat.ephemeral_owner;
    z->mtime_ms = stat.mtime;
    c->at++;
    ask_next(c);
}

static void ask_next(struct pk_census *c)
{
    if (c->at == c->now.n) {
        finish(c, 0);
        return;
    }
    const struct pk_census_znode *z = &c->now.znodes[c->at];
    const struct pk_ask ask = {.op = z->folder ? PK_OP_GET_CHILDREN : PK_OP_EXISTS, .path = z->path};
    pk_ensemble_ask(c->ensemble, &ask, z->folder ? on_list : on_znode, c);
}

static void opened(void *owner, int error, struct pk_in body)
{
    (void)body;
    if (error == 0)
        ask_next(owner);
    else
        finish(owner, error);
}

/* ---- for others ---- */

struct pk_census *pk_census_new(struct pk_loop *loop)
{
    struct pk_census *c = calloc(1, sizeof *c);
    if (c != NULL)
        c->loop = loop;
    return c;
}

/* All that is needed before the first question. */
static bool prepare(struct pk_census *c, const char *const *roots, size_t n)
{
    c->next = (struct pk_census_result){0};
    c->at = 0;
    for (size_t i = 0; i < n; i++)
        if (!add_root(&c->now, roots[i]))
            return false;
    c->auth = c->loop->config->auth;
    c->ensemble = pk_ensemble_new(c->loop, &c->auth, ended, c);
    return c->ensemble != NULL;
}

bool pk_census_want(struct pk_census *c, struct pk_upstream *upstream, const char *const *roots, size_t n)
{
    if (c->state != IDLE)
        return true;
    int server = c->stop ? -1 : pk_upstream_serving(upstream);
    if (server < 0)
        return false;
    if (!prepare(c, roots, n)) {
        forget(&c->now);
        return false;
    }
    move(c, ASKING);
    pk_ensemble_open(c->ensemble, pk_upstream_address(upstream, server), pk_upstream_host(upstream, server),
                     opened, c);
    return true;
}

bool pk_census_asking(const struct pk_census *c)
{
    return c->state != IDLE;
}

struct pk_census_result pk_census_result(const struct pk_census *c)
{
    return c->result;
}

void pk_census_close(struct pk_census *c)
{
    c->stop = true;
    if (c->state == ASKING)
        finish(c, PK_ENSEMBLE_LOST);
}

void pk_census_free(struct pk_census *c)
{
    if (c == NULL)
        return;
    forget(&c->now);
    forget(&c->last);
    free(c);
}
