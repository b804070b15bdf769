/*
 * Somebody else's znodes (foreign.h).
 *
 * Happy path: made, looked at while it stands, and deleted by who made it.
 * Failure modes: where a znode of the worker's stands already, or nobody leads, nothing is made.
 */
#include "foreign.h"

#include <stdlib.h>

#include "ensemble.h"
#include "oracle.h"

enum { FIRST = 2, PATHS = 3, STALE_US = 8000000 };

static const char parent[] = "/storm/workerbeats/t", data[] = "foreign";

struct foreign {
    bool here[ORACLE_PATHS];   /* from its making until no server shows it any more */
    bool stands[ORACLE_PATHS]; /* in the tree as committed */
    int made;
};

void foreign_start(struct world *w)
{
    w->foreign = calloc(1, sizeof *w->foreign);
    assert_non_null(w->foreign);
}

void foreign_stop(struct world *w)
{
    free(w->foreign);
}

int foreign_made(const struct world *w)
{
    return w->foreign->made;
}

bool foreign_here(const struct world *w, int path)
{
    return path >= 0 && w->foreign->here[path];
}

static void is_over(struct world *w, int path, int64_t unused)
{
    (void)unused;
    w->foreign->here[path] = false;
    oracle_path_lost(w, path);
}

static void goes(struct world *w, int path, int64_t unused)
{
    (void)unused;
    bool stands = w->foreign->stands[path];
    if (stands)
        (void)ensemble_bypass_delete(w, oracle_paths[path].path);
    world_at(w, w->now_us + STALE_US, stands ? goes : is_over, path, 0);
}

void foreign_comes(struct world *w, int number, int64_t until_us)
{
    int path = FIRST + number % PATHS;
    const struct tree *tree = ensemble_tree(w);
    if (tree == NULL || w->foreign->here[path] || tree_find(tree, oracle_paths[path].path) != NULL)
        return;
    w->foreign->here[path] = true;
    w->foreign->made++;
    if (tree_find(tree, parent) == NULL)
        ensemble_bypass_create(w, parent, "", PK_PERM_ALL);
    ensemble_bypass_create(w, oracle_paths[path].path, data, PK_PERM_READ);
    world_at(w, until_us + STALE_US, goes, path, 0);
}

static int path_of(const char *name)
{
    for (int i = FIRST; i < FIRST + PATHS; i++)
        if (strcmp(oracle_paths[i].path, name) == 0)
            return i;
    return -1;
}

static bool is_his(const struct tree *tree, const char *path)
{
    const struct tree_node *z = tree_find(tree, path);
    return z != NULL && z->len == (int)strlen(data) && memcmp(z->data, data, strlen(data)) == 0;
}

void foreign_sees(struct world *w, const struct tree *tree, const struct tree_change *c, int64_t session)
{
    int path = path_of(c->path);
    if (path < 0 || c->type == PK_EVENT_CHILDREN_CHANGED)
        return;
    bool stood = w->foreign->stands[path];
    w->foreign->stands[path] = is_his(tree, c->path);
    world_trace(w, "%s: %s", c->path,
                w->foreign->stands[path] ? "somebody else's" : "a worker's, or nobody's");
    if (stood && session != -1)
        world_wrong(w, "(g) %s of somebody else is %s by session %#llx", c->path,
                    c->type == PK_EVENT_DELETED ? "deleted" : "written", (long long)session);
}
