/*
 * The naive data tree (tree.h).
 *
 * Happy path: find by comparing strings, count by scanning.
 * Failure modes: ZooKeeper's own errors; a path too long for it ends the test.
 */
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>

static const uint8_t open_acl[PK_OPEN_ACL_LEN] = "\0\0\0\1\0\0\0\x1f\0\0\0\5world\0\0\0\6anyone";

static void *copy(const void *p, int len)
{
    uint8_t *fresh = malloc(len > 0 ? (size_t)len : 1);
    assert_non_null(fresh);
    if (len > 0)
        memcpy(fresh, p, (size_t)len);
    return fresh;
}

static struct tree_node *add(struct tree *t, const char *path, const struct tree_new *what)
{
    if (t->n == t->cap) {
        t->cap = t->cap * 2 + 16;
        t->nodes = realloc(t->nodes, (size_t)t->cap * sizeof *t->nodes);
        assert_non_null(t->nodes);
    }
    struct tree_node *z = &t->nodes[t->n++];
    const uint8_t *acl = what->acl_len > 0 ? what->acl : open_acl;
    int acl_len = what->acl_len > 0 ? what->acl_len : (int)sizeof open_acl;
    *z = (struct tree_node){.path = copy(path, (int)strlen(path) + 1), .len = what->len, .acl_len = acl_len};
    z->above = (size_t)(strrchr(path, '/') - path);
    z->data = copy(what->data, what->len);
    z->acl = copy(acl, acl_len);
    z->czxid = z->mzxid = z->pzxid = t->zxid;
    z->ctime = z->mtime = t->now_ms;
    z->owner = what->owner;
    return z;
}

static void drop(struct tree_node *z)
{
    free(z->path);
    free(z->data);
    free(z->acl);
}

void tree_init(struct tree *t)
{
    *t = (struct tree){0};
    add(t, "/", &(struct tree_new){0});
}

void tree_free(struct tree *t)
{
    for (int i = 0; i < t->n; i++)
        drop(&t->nodes[i]);
    free(t->nodes);
    free(t->changes);
    *t = (struct tree){0};
}

void tree_copy(struct tree *to, const struct tree *from)
{
    *to = *from;
    to->changes = NULL;
    to->nchanges = to->changes_cap = 0;
    to->nodes = malloc((size_t)from->cap * sizeof *to->nodes);
    assert_non_null(to->nodes);
    for (int i = 0; i < from->n; i++) {
        const struct tree_node *z = &from->nodes[i];
        to->nodes[i] = *z;
        to->nodes[i].path = copy(z->path, (int)strlen(z->path) + 1);
        to->nodes[i].data = copy(z->data, z->len);
        to->nodes[i].acl = copy(z->acl, z->acl_len);
    }
}

struct tree_node *tree_find(const struct tree *t, const char *path)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->nodes[i].path, path) == 0)
            return &t->nodes[i];
    return *path == 0 ? t->nodes : NULL;
}

/* The name of z when it is a direct child of path, else NULL. */
static const char *child_name(const struct tree_node *z, const char *path)
{
    size_t n = strlen(path);
    n -= n > 0 && path[n - 1] == '/';
    bool below = z->above == n && memcmp(z->path, path, n) == 0 && z->path[n + 1] != 0;
    return below ? z->path + n + 1 : NULL;
}

int tree_children(const struct tree *t, const char *path, const char **names, int max)
{
    int n = 0;
    for (int i = 0; i < t->n; i++) {
        const char *name = child_name(&t->nodes[i], path);
        if (name != NULL && n < max && names != NULL)
            names[n] = name;
        n += name != NULL;
    }
    return n;
}

static void changed(struct tree *t, int type, const char *path)
{
    if (t->nchanges == t->changes_cap) {
        t->changes_cap = t->changes_cap * 2 + 16;
        t->changes = realloc(t->changes, (size_t)t->changes_cap * sizeof *t->changes);
        assert_non_null(t->changes);
    }
    struct tree_change *c = &t->changes[t->nchanges++];
    size_t len = strlen(path);
    assert_true(len < sizeof c->path);
    c->type = type;
    memcpy(c->path, path, len + 1);
}

static bool legal(const char *path)
{
    size_t n = strlen(path);
    if (path[0] != '/' || (n > 1 && path[n - 1] == '/'))
        return false;
    for (const char *c = strchr(path, '/'); c != NULL; c = strchr(c + 1, '/')) {
        size_t len = strcspn(c + 1, "/");
        if (n > 1 && (len == 0 || strncmp(c + 1, "..", len) == 0) && len <= 2)
            return false;
    }
    return true;
}

static bool parent_of(const char *path, char out[256])
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    size_t len = slash == path ? 1 : (size_t)(slash - path);
    assert_true(len < 256);
    memcpy(out, path, len);
    out[len] = 0;
    return true;
}

/* Scheme and id of an entry; digests are compared up to the colon: the model takes any password. */
static bool is_him(const struct tree *t, const uint8_t *scheme, int scheme_len, const uint8_t *id, int id_len)
{
    if (scheme_len == 5)
        return memcmp(scheme, "world", 5) == 0;
    int n = t->who != NULL ? (int)strlen(t->who) : -1;
    return scheme_len == 6 && memcmp(scheme, "digest", 6) == 0 && n >= 0 && id_len > n &&
           memcmp(id, t->who, (size_t)n) == 0 && id[n] == ':';
}

int tree_allowed(const struct tree *t, const struct tree_node *z, int perms)
{
    const uint8_t *p = z->acl + 4;
    for (int n = z->acl[3]; n > 0; n--) {
        int have = p[3], scheme = p[7], id = p[8 + scheme + 3];
        if ((have & perms) != 0 && is_him(t, p + 8, scheme, p + 8 + scheme + 4, id))
            return TREE_OK;
        p += 4 + 4 + scheme + 4 + id;
    }
    return TREE_NO_AUTH;
}

static int acl_error(const uint8_t *acl, int acl_len)
{
    return acl_len == 0 || (acl_len > 8 && acl[3] > 0 && acl[0] == 0) ? TREE_OK : TREE_INVALID_ACL;
}

int tree_create(struct tree *t, const char *path, const struct tree_new *what, char made[256])
{
    char above[256];
    if (what->flags < PK_CREATE_PERSISTENT || what->flags > PK_CREATE_TTL_SEQUENTIAL ||
        !parent_of(path, above))
        return TREE_BAD_ARGUMENTS;
    if (acl_error(what->acl, what->acl_len) != TREE_OK)
        return TREE_INVALID_ACL;
    struct tree_node *parent = tree_find(t, above);
    if (parent == NULL)
        return TREE_NO_NODE;
    if (tree_allowed(t, parent, PK_PERM_CREATE) != TREE_OK)
        return TREE_NO_AUTH;
    bool sequence = what->flags == PK_CREATE_SEQUENTIAL || what->flags == PK_CREATE_EPHEMERAL_SEQUENTIAL ||
                    what->flags == PK_CREATE_TTL_SEQUENTIAL;
    if (sequence)
        snprintf(made, 256, "%s%010d", path, parent->creates);
    else
        snprintf(made, 256, "%s", path);
    if (!legal(made))
        return TREE_BAD_ARGUMENTS;
    if (tree_find(t, made) != NULL)
        return TREE_EXISTS;
    if (parent->owner != 0)
        return TREE_NO_CHILDREN;
    parent->creates++;
    parent->pzxid = t->zxid;
    add(t, made, what);
    changed(t, PK_EVENT_CREATED, made);
    changed(t, PK_EVENT_CHILDREN_CHANGED, above);
    return TREE_OK;
}

void tree_end(struct tree *t, const char *path)
{
    char gone[256], above[256];
    snprintf(gone, sizeof gone, "%s", path);
    struct tree_node *z = tree_find(t, gone);
    assert_true(z != NULL && parent_of(gone, above));
    tree_find(t, above)->pzxid = t->zxid;
    changed(t, PK_EVENT_DELETED, gone);
    changed(t, PK_EVENT_CHILDREN_CHANGED, above);
    drop(z);
    memmove(z, z + 1, (size_t)(t->nodes + t->n - z - 1) * sizeof *z);
    t->n--;
}

void tree_end_session(struct tree *t, int64_t session)
{
    for (int i = t->n - 1; i >= 0; i--)
        if (t->nodes[i].owner == session)
            tree_end(t, t->nodes[i].path);
}

int tree_delete(struct tree *t, const char *path, int version)
{
    char above[256];
    if (!parent_of(path, above) || strcmp(path, "/") == 0 || strcmp(path, "/zookeeper") == 0)
        return TREE_BAD_ARGUMENTS;
    const struct tree_node *z = tree_find(t, path), *parent = tree_find(t, above);
    if (parent == NULL)
        return TREE_NO_NODE;
    if (tree_allowed(t, parent, PK_PERM_DELETE) != TREE_OK)
        return TREE_NO_AUTH;
    if (z == NULL)
        return TREE_NO_NODE;
    if (version != -1 && version != z->version)
        return TREE_BAD_VERSION;
    if (tree_children(t, path, NULL, 0) > 0)
        return TREE_NOT_EMPTY;
    tree_end(t, path);
    return TREE_OK;
}

int tree_set(struct tree *t, const char *path, const uint8_t *data, int len, int version)
{
    struct tree_node *z = tree_find(t, path);
    if (!legal(path))
        return TREE_BAD_ARGUMENTS;
    if (z == NULL)
        return TREE_NO_NODE;
    if (tree_allowed(t, z, PK_PERM_WRITE) != TREE_OK)
        return TREE_NO_AUTH;
    if (version != -1 && version != z->version)
        return TREE_BAD_VERSION;
    free(z->data);
    z->data = copy(data, len);
    z->len = len;
    z->version++;
    z->mzxid = t->zxid;
    z->mtime = t->now_ms;
    changed(t, PK_EVENT_DATA_CHANGED, path);
    return TREE_OK;
}

int tree_set_acl(struct tree *t, const char *path, const uint8_t *acl, int acl_len, int version)
{
    struct tree_node *z = tree_find(t, path);
    if (acl_len == 0 || acl_error(acl, acl_len) != TREE_OK)
        return TREE_INVALID_ACL;
    if (z == NULL)
        return TREE_NO_NODE;
    if (tree_allowed(t, z, PK_PERM_ADMIN) != TREE_OK)
        return TREE_NO_AUTH;
    if (version != -1 && version != z->aversion)
        return TREE_BAD_VERSION;
    free(z->acl);
    z->acl = copy(acl, acl_len);
    z->acl_len = acl_len;
    z->aversion++;
    return TREE_OK;
}

int tree_check(const struct tree *t, const char *path, int version)
{
    const struct tree_node *z = tree_find(t, path);
    if (!legal(path))
        return TREE_BAD_ARGUMENTS;
    if (z == NULL)
        return TREE_NO_NODE;
    if (tree_allowed(t, z, PK_PERM_READ) != TREE_OK)
        return TREE_NO_AUTH;
    return version != -1 && version != z->version ? TREE_BAD_VERSION : TREE_OK;
}

void tree_stat(const struct tree *t, const struct tree_node *z, struct sup_buf *out)
{
    int children = tree_children(t, z->path, NULL, 0);
    sup_long(out, z->czxid);
    sup_long(out, z->mzxid);
    sup_long(out, z->ctime);
    sup_long(out, z->mtime);
    sup_int(out, z->version);
    sup_int(out, 2 * z->creates - children);
    sup_int(out, z->aversion);
    sup_long(out, z->owner);
    sup_int(out, z->len > 0 ? z->len : 0);
    sup_int(out, children);
    sup_long(out, z->pzxid);
}
