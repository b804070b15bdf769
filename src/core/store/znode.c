/*
 * A znode's path, and the walk over a subtree.
 *
 * Happy path: from the znode up to its mount's root, whose name is the whole path of the mount. The caller
 * has sized the room for a path.
 */
#include "core/store/znode.h"

#include <string.h>

size_t pk_znode_path_len(const struct pk_znode *z)
{
    size_t len = z->len;
    for (z = z->parent; z != NULL; z = z->parent)
        len += 1 + (size_t)z->len;
    return len;
}

uint8_t *pk_znode_path_put(uint8_t *p, const struct pk_znode *z)
{
    uint8_t *end = p + pk_znode_path_len(z), *at = end;
    for (;; z = z->parent) {
        at -= z->len;
        memcpy(at, z->name, z->len);
        if (z->parent == NULL)
            return end;
        *--at = '/';
    }
}

bool pk_znode_is_at(const struct pk_znode *z, struct pk_bytes path)
{
    for (; z->parent != NULL; z = z->parent) {
        if (path.len <= z->len || path.p[path.len - z->len - 1] != '/' ||
            memcmp(path.p + path.len - z->len, z->name, z->len) != 0)
            return false;
        path.len -= z->len + 1;
    }
    return pk_bytes_eq(path, pk_znode_name(z));
}

struct pk_znode *pk_znode_walk(const struct pk_znode *root, struct pk_znode *z)
{
    struct pk_znode *first = pk_znode_children(z);
    return first != NULL ? first : pk_znode_walk_past(root, z);
}

struct pk_znode *pk_znode_walk_past(const struct pk_znode *root, struct pk_znode *z)
{
    while (z != root && z->next == NULL)
        z = z->parent;
    return z != root ? z->next : NULL;
}
