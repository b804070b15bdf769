/*
 * What is true (servers_oracle.h). Happy path: after each transaction the paths are looked up and noted.
 * Failure modes: a request that is committed twice is noted in oracle_wrong.
 */
#include "servers_oracle.h"

#include <stdlib.h>

struct moment {
    int64_t zxid, session;
    int xid;
    int64_t value[PATHS][ABOUTS];
};

const char *const paths[PATHS] = {"/a", "/b", "/c", "/c/d", "/c/e"};
const char *oracle_wrong;
static struct moment *moments;
static size_t n, cap;

static struct moment *add(void)
{
    if (n == cap) {
        cap = cap * 2 + 64;
        moments = realloc(moments, cap * sizeof *moments);
        assert_non_null(moments);
    }
    return &moments[n++];
}

void oracle_init(void)
{
    n = 0;
    oracle_wrong = NULL;
    struct moment *m = add();
    *m = (struct moment){0};
    for (int i = 0; i < PATHS; i++)
        m->value[i][DATA] = m->value[i][CHILD] = GONE;
}

void oracle_free(void)
{
    free(moments);
    moments = NULL;
    n = cap = 0;
}

void oracle_committed(void *ctx, const struct ensemble_txn *txn)
{
    const struct tree *tree = ensemble_tree(ctx);
    for (size_t i = 0; txn->xid > 0 && i < n; i++)
        if (moments[i].session == txn->session && moments[i].xid == txn->xid)
            oracle_wrong = "a write was carried out twice";
    struct moment *m = add();
    *m = (struct moment){.zxid = txn->zxid, .session = txn->session, .xid = txn->xid};
    for (int i = 0; i < PATHS; i++) {
        const struct tree_node *z = tree_find(tree, paths[i]);
        m->value[i][DATA] = z != NULL ? z->mzxid : GONE;
        m->value[i][CHILD] = z != NULL ? z->pzxid : GONE;
    }
}

int64_t oracle_newest(void)
{
    return moments[n - 1].zxid;
}

static size_t at(int64_t zxid)
{
    size_t i = n - 1;
    while (i > 0 && moments[i].zxid > zxid)
        i--;
    return i;
}

int64_t oracle_value(int path, enum about about, int64_t zxid)
{
    return moments[at(zxid)].value[path][about];
}

bool oracle_changed(int path, enum about about, int64_t from, int64_t to)
{
    for (size_t i = at(from) + 1; i <= at(to); i++)
        if (moments[i].value[path][about] != moments[i - 1].value[path][about])
            return true;
    return false;
}

bool oracle_changed_by(int path, enum about about, int64_t zxid, int64_t from_value)
{
    size_t i = at(zxid);
    return i > 0 && moments[i].zxid == zxid && moments[i - 1].value[path][about] == from_value &&
           moments[i].value[path][about] != from_value;
}

static int event_between(const struct moment *a, const struct moment *b, int path, bool recursive)
{
    const int64_t *was = a->value[path], *is = b->value[path];
    if (was[DATA] != is[DATA])
        return was[DATA] == GONE  ? PK_EVENT_CREATED
               : is[DATA] == GONE ? PK_EVENT_DELETED
                                  : PK_EVENT_DATA_CHANGED;
    return was[CHILD] != is[CHILD] && !recursive ? PK_EVENT_CHILDREN_CHANGED : 0;
}

int64_t oracle_next_event(int path, bool recursive, int64_t from, int *type)
{
    for (size_t i = at(from) + 1; i < n; i++) {
        *type = event_between(&moments[i - 1], &moments[i], path, recursive);
        if (*type != 0)
            return moments[i].zxid;
    }
    return 0;
}

bool oracle_wrote(int64_t zxid, int64_t session, int xid)
{
    const struct moment *m = &moments[at(zxid)];
    return m->zxid == zxid && m->session == session && m->xid == xid;
}
