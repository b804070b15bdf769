/*
 * The model ensemble's operations (zk_ops.h).
 *
 * Happy path: decode, ask the tree, write the answer's body.
 * Failure modes: a body that does not decode leaves in.bad, which the caller answers.
 */
#include "zk_ops.h"

#include <stdio.h>
#include <stdlib.h>

/* The raw vector<ACL>; *len 0 for a null one. */
static const uint8_t *acl(struct zk_in *in, int *len)
{
    const uint8_t *start = in->p;
    int64_t n = zk_in_int(in);
    char text[256];
    for (int64_t i = 0; i < n && !in->bad; i++) {
        zk_in_int(in);
        zk_in_str(in, text, sizeof text);
        zk_in_str(in, text, sizeof text);
    }
    *len = (int)(in->p - start);
    return start;
}

static int create(struct zk *zk, struct zk_request *r, int op, bool *with_stat)
{
    char path[256], made[256];
    struct tree_new what = {0};
    zk_in_str(&r->in, path, sizeof path);
    what.data = zk_in_buf(&r->in, &what.len);
    what.acl = acl(&r->in, &what.acl_len);
    what.flags = (int)zk_in_int(&r->in);
    if (op == PK_OP_CREATE_TTL)
        zk_in_long(&r->in);
    if (r->in.bad)
        return PK_Z_MARSHALLING_ERROR;
    what.owner =
        what.flags == PK_CREATE_EPHEMERAL || what.flags == PK_CREATE_EPHEMERAL_SEQUENTIAL ? r->session : 0;
    int err = tree_create(&zk->tree, path, &what, made);
    *with_stat = op != PK_OP_CREATE;
    if (err != TREE_OK)
        return err;
    sup_str(&r->body, made);
    if (op != PK_OP_CREATE)
        tree_stat(&zk->tree, tree_find(&zk->tree, made), &r->body);
    return TREE_OK;
}

static int set_data(struct zk *zk, struct zk_request *r)
{
    char path[256];
    int len;
    zk_in_str(&r->in, path, sizeof path);
    const uint8_t *data = zk_in_buf(&r->in, &len);
    int version = (int)zk_in_int(&r->in);
    if (r->in.bad)
        return PK_Z_MARSHALLING_ERROR;
    int err = tree_set(&zk->tree, path, data, len, version);
    if (err == TREE_OK)
        tree_stat(&zk->tree, tree_find(&zk->tree, path), &r->body);
    return err;
}

static int path_version(struct zk *zk, struct zk_request *r, int op)
{
    char path[256];
    zk_in_str(&r->in, path, sizeof path);
    int version = (int)zk_in_int(&r->in);
    if (r->in.bad)
        return PK_Z_MARSHALLING_ERROR;
    return op == PK_OP_DELETE ? tree_delete(&zk->tree, path, version) : tree_check(&zk->tree, path, version);
}

static void put_children(struct zk *zk, struct zk_request *r, const char *path)
{
    int n = tree_children(&zk->tree, path, NULL, 0);
    const char **names = malloc(((size_t)n + 1) * sizeof *names);
    assert_non_null(names);
    tree_children(&zk->tree, path, names, n);
    sup_int(&r->body, n);
    for (int i = 0; i < n; i++)
        sup_str(&r->body, names[i]);
    free(names);
}

/* exists, getData, getACL, getChildren, getChildren2. */
static int read_node(struct zk *zk, struct zk_request *r, int op, bool in_multi)
{
    char path[256];
    zk_in_str(&r->in, path, sizeof path);
    bool watch = op != PK_OP_GET_ACL && zk_in_byte(&r->in) != 0 && !in_multi;
    if (r->in.bad)
        return PK_Z_MARSHALLING_ERROR;
    const struct tree_node *z = tree_find(&zk->tree, path);
    int perms = op == PK_OP_GET_ACL ? PK_PERM_READ | PK_PERM_ADMIN : PK_PERM_READ;
    bool lists = op == PK_OP_GET_CHILDREN || op == PK_OP_GET_CHILDREN2;
    if (watch && op == PK_OP_EXISTS && (z == NULL || !zk->exists_needs_read))
        zk_watch(zk, r->link, ZK_DATA, path);
    if (z == NULL)
        return TREE_NO_NODE;
    if ((op != PK_OP_EXISTS || zk->exists_needs_read) && tree_allowed(&zk->tree, z, perms) != TREE_OK)
        return TREE_NO_AUTH;
    if (watch)
        zk_watch(zk, r->link, lists ? ZK_CHILD : ZK_DATA, path);
    if (op == PK_OP_GET_DATA) {
        sup_int(&r->body, z->len);
        sup_raw(&r->body, z->data, z->len > 0 ? (size_t)z->len : 0);
    } else if (op == PK_OP_GET_ACL) {
        sup_raw(&r->body, z->acl, (size_t)z->acl_len);
    } else if (lists) {
        put_children(zk, r, path);
    }
    if (op != PK_OP_GET_CHILDREN)
        tree_stat(&zk->tree, z, &r->body);
    return TREE_OK;
}

static void put_result(struct zk_request *r, int type, int err)
{
    sup_int(&r->body, err != 0 ? -1 : type);
    sup_byte(&r->body, 0);
    sup_int(&r->body, err);
}

/* One operation of a multi: its body is put behind r->body's header, or nothing on an error. */
static int multi_one(struct zk *zk, struct zk_request *r, int op, int *type)
{
    bool with_stat = false;
    *type = op;
    switch (op) {
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_CREATE_TTL: {
        int err = create(zk, r, op, &with_stat);
        *type = with_stat ? PK_OP_CREATE2 : PK_OP_CREATE;
        return err;
    }
    case PK_OP_SET_DATA:
        return set_data(zk, r);
    case PK_OP_DELETE:
    case PK_OP_CHECK:
        return path_version(zk, r, op);
    case PK_OP_GET_DATA:
    case PK_OP_GET_CHILDREN:
        return read_node(zk, r, op, true);
    default:
        r->in.bad = true;
        return PK_Z_MARSHALLING_ERROR;
    }
}

static int multi(struct zk *zk, struct zk_request *r, bool reads)
{
    struct tree before;
    int n = 0, failed = -1, failure = 0;
    tree_copy(&before, &zk->tree);
    while (!r->in.bad) {
        int op = (int)zk_in_int(&r->in), done = zk_in_byte(&r->in), type = 0;
        zk_in_int(&r->in);
        if (r->in.bad || done != 0)
            break;
        struct sup_buf whole = r->body;
        r->body = (struct sup_buf){0};
        int err = (op == PK_OP_GET_DATA || op == PK_OP_GET_CHILDREN) == reads ? multi_one(zk, r, op, &type)
                                                                              : PK_Z_MARSHALLING_ERROR;
        struct sup_buf one = r->body;
        r->body = whole;
        r->in.bad |= err == PK_Z_MARSHALLING_ERROR;
        if (!reads && failed >= 0)
            err = PK_Z_RUNTIME_INCONSISTENCY;
        if (err != 0 && failed < 0) {
            failed = n;
            failure = err;
        }
        put_result(r, type, err);
        if (err != 0)
            sup_int(&r->body, err);
        else
            sup_raw(&r->body, one.p, one.len);
        sup_buf_free(&one);
        n++;
    }
    if (r->in.bad || (!reads && failed >= 0)) {
        tree_free(&zk->tree);
        zk->tree = before;
        sup_buf_reset(&r->body);
        for (int i = 0; i < n && !r->in.bad; i++) {
            int err = i < failed ? 0 : i == failed ? failure : PK_Z_RUNTIME_INCONSISTENCY;
            sup_int(&r->body, -1);
            sup_byte(&r->body, 0);
            sup_int(&r->body, err);
            sup_int(&r->body, err);
        }
    } else {
        tree_free(&before);
    }
    put_result(r, -1, 0);
    r->body.p[r->body.len - 5] = 1;
    memset(r->body.p + r->body.len - 4, 0xff, 4);
    return 0;
}

/* The event that a watch would have had since then, 0: none. */
static int missed(const struct tree_node *z, int list, int64_t since)
{
    switch (list) {
    case PK_WATCHES_DATA:
        return z == NULL ? PK_EVENT_DELETED : z->mzxid > since ? PK_EVENT_DATA_CHANGED : 0;
    case PK_WATCHES_EXIST:
        return z != NULL ? PK_EVENT_CREATED : 0;
    case PK_WATCHES_CHILD:
        return z == NULL ? PK_EVENT_DELETED : z->pzxid > since ? PK_EVENT_CHILDREN_CHANGED : 0;
    default:
        return 0;
    }
}

static int set_watches(struct zk *zk, struct zk_request *r, int lists)
{
    static const enum zk_watch_kind kinds[] = {ZK_DATA, ZK_DATA, ZK_CHILD, ZK_PERSISTENT, ZK_RECURSIVE};
    int64_t since = zk_in_long(&r->in);
    for (int list = 0; list < lists; list++) {
        int64_t n = zk_in_int(&r->in);
        r->in.bad |= n < 0;
        for (; n > 0 && !r->in.bad; n--) {
            char path[256];
            zk_in_str(&r->in, path, sizeof path);
            int type = missed(tree_find(&zk->tree, path), list, since);
            if (zk->forget_watches)
                continue;
            if (type == 0)
                zk_watch(zk, r->link, kinds[list], path);
            else
                zk_event(zk, r->link, type, path);
        }
    }
    return 0;
}

/* Kind 1 is for children, 2 for data, 3 for any. */
static int remove_watches(struct zk *zk, struct zk_request *r)
{
    enum { CHILDREN = 1, DATA = 2 };
    char path[256];
    zk_in_str(&r->in, path, sizeof path);
    int64_t what = zk_in_int(&r->in);
    int err = ZK_NO_WATCHER;
    for (int i = 0; i < zk->nwatches && !r->in.bad; i++) {
        struct zk_watch *w = &zk->watches[i];
        bool meant = what == CHILDREN ? w->kind == ZK_CHILD : what == DATA ? w->kind == ZK_DATA : true;
        if (w->link != r->link || !meant || strcmp(w->path, path) != 0)
            continue;
        w->link = -1;
        err = 0;
    }
    return r->in.bad ? PK_Z_MARSHALLING_ERROR : err;
}

static int add_watch(struct zk *zk, struct zk_request *r)
{
    char path[256];
    zk_in_str(&r->in, path, sizeof path);
    int64_t mode = zk_in_int(&r->in);
    if (r->in.bad || mode < PK_WATCH_PERSISTENT || mode > PK_WATCH_PERSISTENT_RECURSIVE)
        return PK_Z_MARSHALLING_ERROR;
    zk_watch(zk, r->link, mode == PK_WATCH_PERSISTENT ? ZK_PERSISTENT : ZK_RECURSIVE, path);
    sup_int(&r->body, 0);
    return 0;
}

static int count_all(struct zk *zk, struct zk_request *r)
{
    char path[256];
    zk_in_str(&r->in, path, sizeof path);
    size_t n = strlen(path);
    n -= n == 1;
    int count = 0;
    if (tree_find(&zk->tree, path) == NULL)
        return TREE_NO_NODE;
    for (int i = 0; i < zk->tree.n; i++)
        count += strncmp(zk->tree.nodes[i].path, path, n) == 0 && zk->tree.nodes[i].path[n] == '/' &&
                 zk->tree.nodes[i].path[n + 1] != 0;
    sup_int(&r->body, count);
    return 0;
}

static int set_acl(struct zk *zk, struct zk_request *r)
{
    char path[256];
    int len;
    zk_in_str(&r->in, path, sizeof path);
    const uint8_t *list = acl(&r->in, &len);
    int version = (int)zk_in_int(&r->in);
    if (r->in.bad)
        return PK_Z_MARSHALLING_ERROR;
    int err = tree_set_acl(&zk->tree, path, list, len, version);
    if (err == TREE_OK)
        tree_stat(&zk->tree, tree_find(&zk->tree, path), &r->body);
    return err;
}

/* The last user that a link names is who it is. */
static void auth(struct zk *zk, struct zk_request *r)
{
    char scheme[64], secret[64];
    zk_in_int(&r->in);
    zk_in_str(&r->in, scheme, sizeof scheme);
    zk_in_str(&r->in, secret, sizeof secret);
    char *colon = strchr(secret, ':');
    if (!r->in.bad && colon != NULL && colon - secret < (int)sizeof zk->links[0].user) {
        *colon = 0;
        strcpy(zk->links[r->link].user, secret);
    }
    r->in.bad = false;
}

/* An exchange of any length: the client's token "I am NAME" is its last one. */
static void sasl(struct zk *zk, struct zk_request *r)
{
    char token[64];
    struct zk_link *link = &zk->links[r->link];
    bool last = zk_in_str(&r->in, token, sizeof token) && strncmp(token, "I am ", 5) == 0;
    r->in.bad = false;
    if (last)
        snprintf(link->name, sizeof link->name, "%.15s", token + 5);
    sup_str(&r->body, last ? "rspauth=0" : "token");
}

static void who_am_i(const struct zk *zk, struct zk_request *r)
{
    const struct zk_link *link = &zk->links[r->link];
    sup_int(&r->body, 1 + (link->user[0] != 0) + (link->name[0] != 0));
    sup_str(&r->body, "ip");
    sup_str(&r->body, "127.0.0.1");
    if (link->user[0] != 0) {
        sup_str(&r->body, "digest");
        sup_str(&r->body, link->user);
    }
    if (link->name[0] != 0) {
        sup_str(&r->body, "sasl");
        sup_str(&r->body, link->name);
    }
}

/* Of the session, those whose paths begin so. */
static void ephemerals(const struct zk *zk, struct zk_request *r)
{
    char path[256];
    int n = 0;
    zk_in_str(&r->in, path, sizeof path);
    size_t mark = r->body.len;
    sup_int(&r->body, 0);
    for (int i = 0; i < zk->tree.n; i++) {
        const struct tree_node *z = &zk->tree.nodes[i];
        if (z->owner != r->session || strncmp(z->path, path, strlen(path)) != 0)
            continue;
        sup_str(&r->body, z->path);
        n++;
    }
    pk_put32(r->body.p + mark, (uint32_t)n);
}

/* What looks at znodes, or changes them. False: none of these. */
static bool of_znodes(struct zk *zk, struct zk_request *r)
{
    bool with_stat;
    switch (r->op) {
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_CREATE_TTL:
        r->err = create(zk, r, r->op, &with_stat);
        return true;
    case PK_OP_DELETE:
        r->err = path_version(zk, r, r->op);
        return true;
    case PK_OP_EXISTS:
    case PK_OP_GET_DATA:
    case PK_OP_GET_ACL:
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
        r->err = read_node(zk, r, r->op, false);
        return true;
    case PK_OP_SET_DATA:
        r->err = set_data(zk, r);
        return true;
    case PK_OP_SET_ACL:
        r->err = set_acl(zk, r);
        return true;
    case PK_OP_MULTI:
    case PK_OP_MULTI_READ:
        r->err = multi(zk, r, r->op == PK_OP_MULTI_READ);
        return true;
    case PK_OP_GET_ALL_CHILDREN_NUMBER:
        r->err = count_all(zk, r);
        return true;
    default:
        return false;
    }
}

static bool of_watches(struct zk *zk, struct zk_request *r)
{
    switch (r->op) {
    case PK_OP_SET_WATCHES:
        r->err = set_watches(zk, r, PK_WATCHES_CHILD + 1);
        return true;
    case PK_OP_SET_WATCHES2:
        r->err = set_watches(zk, r, PK_WATCHES_RECURSIVE + 1);
        return true;
    case PK_OP_ADD_WATCH:
        r->err = add_watch(zk, r);
        return true;
    case PK_OP_REMOVE_WATCHES:
        r->err = remove_watches(zk, r);
        return true;
    case PK_OP_CHECK_WATCHES:
        r->err = ZK_NO_WATCHER;
        return true;
    default:
        return false;
    }
}

bool zk_answer(struct zk *zk, struct zk_request *r)
{
    char path[256];
    if (of_znodes(zk, r) || of_watches(zk, r))
        return false;
    switch (r->op) {
    case PK_OP_SYNC:
        if (zk_in_str(&r->in, path, sizeof path))
            sup_str(&r->body, path);
        return false;
    case PK_OP_RECONFIG:
        r->err = ZK_RECONFIG_DISABLED;
        return false;
    case PK_OP_AUTH:
        r->zxid = ZK_ZXID_ZERO;
        if (zk->refuse_auth) {
            r->err = PK_Z_AUTH_FAILED;
            return true;
        }
        auth(zk, r);
        return false;
    case PK_OP_SASL:
        r->zxid = ZK_ZXID_ZERO;
        sasl(zk, r);
        return false;
    case PK_OP_WHO_AM_I:
        who_am_i(zk, r);
        return false;
    case PK_OP_GET_EPHEMERALS:
        ephemerals(zk, r);
        return false;
    case PK_OP_PING:
    case PK_OP_CLOSE_SESSION:
        return false;
    default:
        zk->refused++;
        r->zxid = -1;
        r->err = PK_Z_UNIMPLEMENTED;
        return true;
    }
}
