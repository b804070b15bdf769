/*
 * A naive data tree with ZooKeeper's counters: an array of znodes, searched from the front. It is the
 * reference for what the core holds, and the ensemble behind it; it shares nothing with the product but the names
 * of the numbers on the wire.
 */
#ifndef PK_TESTS_SIM_TREE_H
#define PK_TESTS_SIM_TREE_H

#include "proto/records.h"
#include "tests/lib/support.h"

enum {
    TREE_OK = 0,
    TREE_BAD_ARGUMENTS = -8,
    TREE_NO_NODE = -101,
    TREE_NO_AUTH = -102,
    TREE_BAD_VERSION = -103,
    TREE_NO_CHILDREN = -108,
    TREE_EXISTS = -110,
    TREE_NOT_EMPTY = -111,
    TREE_INVALID_ACL = -114
};

struct tree_node {
    char *path;
    size_t above; /* length of its parent's, without a slash at the end */
    uint8_t *data;
    int len; /* -1 is null data */
    uint8_t *acl;
    int acl_len;
    int64_t czxid, mzxid, pzxid, ctime, mtime, owner;
    int version, aversion, creates;
};

/* What happened, for watches: type is PK_EVENT_*. */
struct tree_change {
    int type;
    char path[256];
};

struct tree {
    struct tree_node *nodes;
    int n, cap;
    int64_t zxid, now_ms;
    const char *who; /* the digest user who asks, NULL for none */
    struct tree_change *changes;
    int nchanges, changes_cap;
};

struct tree_new {
    const uint8_t *data;
    int len;
    const uint8_t *acl;
    int acl_len; /* 0: open */
    int flags;   /* PK_CREATE_* */
    int64_t owner;
};

void tree_init(struct tree *t);
void tree_free(struct tree *t);
/* Deep copy without the changes; *to must be free. */
void tree_copy(struct tree *to, const struct tree *from);

struct tree_node *tree_find(const struct tree *t, const char *path);
/* Direct children, in order of creation; returns how many, *names borrowed pointers into the paths. */
int tree_children(const struct tree *t, const char *path, const char **names, int max);
/* Each answers an error of ZooKeeper; made receives the final path (a sequence adds to it). */
int tree_create(struct tree *t, const char *path, const struct tree_new *what, char made[256]);
int tree_delete(struct tree *t, const char *path, int version);
/* Deletes an ephemeral whose session ended: nobody is asked. */
void tree_end(struct tree *t, const char *path);
/* All of a session's, the newest first. */
void tree_end_session(struct tree *t, int64_t session);
int tree_set(struct tree *t, const char *path, const uint8_t *data, int len, int version);
int tree_set_acl(struct tree *t, const char *path, const uint8_t *acl, int acl_len, int version);
int tree_check(const struct tree *t, const char *path, int version);
/* TREE_NO_AUTH when neither world:anyone nor the user has one of the permissions (PK_PERM_*). */
int tree_allowed(const struct tree *t, const struct tree_node *z, int perms);
void tree_stat(const struct tree *t, const struct tree_node *z, struct sup_buf *out);

#endif
