/*
 * The model ensemble's operations (zk_ops.h).
 *
 * Happy path: decode, ask the tree, write the answer's body.
 * Failure modes: a body that does not decode leaves in.bad, which the caller answers.
 */
#include "zk_ops.h"

#include <stdio.h>

int64_t zk_in_long(struct zk_in *in)
{
    int64_t high = zk_in_int(in), low = zk_in_int(in);
    return high * ((int64_t)1 << 32) + (low & 0xffffffff);
}

int64_t zk_in_int(struct zk_in *in)
{
    int64_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v * 256 + zk_in_byte(in);
    return v > INT32_MAX ? v - ((int64_t)1 << 32) : v;
}

int zk_in_byte(struct zk_in *in)
{
    if (in->bad || in->p == in->end) {
        in->bad = true;
        return 0;
    }
    return *in->p++;
}

const uint8_t *zk_in_buf(struct zk_in *in, int *len)
{
    *len = (int)zk_in_int(in);
    if (in->bad || *len < -1 || *len > in->end - in->p) {
        in->bad = true;
        *len = -1;
    }
    const uint8_t *p = in->p;
    in->p += *len > 0 ? *len : 0;
    return p;
}

bool zk_in_str(struct zk_in *in, char *room, size_t size)
{
    int len;
    const uint8_t *p = zk_in_buf(in, &len);
    if (in->bad || len < 0 || (size_t)len >= size) {
        in->bad = true;
        room[0] = 0;
        return false;
    }
    snprintf(room, size, "%.*s", len, (const char *)p);
    return true;
}

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
    if (op == 21)
        zk_in_long(&r->in);
    if (r->in.bad)
        return -5;
    what.owner = what.flags == 1 || what.flags == 3 ? r->session : 0;
    int err = tree_create(&zk->tree, path, &what, made);
    *with_stat = op != 1;
    if (err != TREE_OK)
        return err;
    sup_str(&r->body, made);
    if (op != 1)
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
        return -5;
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
        return -5;
    return op == 2 ? tree_delete(&zk->tree, path, version) : tree_check(&zk->tree, path, version);
}

static void put_children(struct zk *zk, struct zk_request *r, const char *path)
{
    const char *names[1024];
    int n = tree_children(&zk->tree, path, names, 1024);
    sup_int(&r->body, n);
    for (int i = 0; i < n; i++)
        sup_str(&r->body, names[i]);
}

/* exists, getData, getACL, getChildren, getChildren2. */
static int read_node(struct zk *zk, struct zk_request *r, int op, bool in_multi)
{
    char path[256];
    zk_in_str(&r->in, path, sizeof path);
    bool watch = op != 6 && zk_in_byte(&r->in) != 0 && !in_multi;
    if (r->in.bad)
        return -5;
    const struct tree_node *z = tree_find(&zk->tree, path);
    if (watch && op == 3 && (z == NULL || !zk->exists_needs_read))
        zk_watch(zk, r->link, ZK_DATA, path);
    if (z == NULL)
        return TREE_NO_NODE;
    if ((op != 3 || zk->exists_needs_read) && tree_allowed(&zk->tree, z, op == 6 ? 17 : 1) != TREE_OK)
        return TREE_NO_AUTH;
    if (watch)
        zk_watch(zk, r->link, op >= 8 ? ZK_CHILD : ZK_DATA, path);
    if (op == 4) {
        sup_int(&r->body, z->len);
        sup_raw(&r->body, z->data, z->len > 0 ? (size_t)z->len : 0);
    } else if (op == 6) {
        sup_raw(&r->body, z->acl, (size_t)z->acl_len);
    } else if (op != 3) {
        put_children(zk, r, path);
    }
    if (op != 8)
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
    case 1:
    case 15:
    case 19:
    case 21: {
        int err = create(zk, r, op, &with_stat);
        *type = with_stat ? 15 : 1;
        return err;
    }
    case 5:
        return set_data(zk, r);
    case 2:
    case 13:
        return path_version(zk, r, op);
    case 4:
    case 8:
        return read_node(zk, r, op, true);
    default:
        r->in.bad = true;
        return -5;
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
        int err = (op == 4 || op == 8) == reads ? multi_one(zk, r, op, &type) : -5;
        struct sup_buf one = r->body;
        r->body = whole;
        r->in.bad |= err == -5;
        if (!reads && failed >= 0)
            err = -2;
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
            int err = i < failed ? 0 : i == failed ? failure : -2;
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

static int set_watches(struct zk *zk, struct zk_request *r, int lists)
{
    int64_t since = zk_in_long(&r->in);
    for (int list = 0; list < lists; list++) {
        int64_t n = zk_in_int(&r->in);
        r->in.bad |= n < 0;
        for (; n > 0 && !r->in.bad; n--) {
            char path[256];
            zk_in_str(&r->in, path, sizeof path);
            const struct tree_node *z = tree_find(&zk->tree, path);
            int type = list == 1   ? (z != NULL ? 1 : 0)
                       : z == NULL ? 2
                       : list == 0 ? 3 * (z->mzxid > since)
                                   : 4 * (z->pzxid > since);
            static const enum zk_watch_kind kinds[] = {ZK_DATA, ZK_DATA, ZK_CHILD, ZK_PERSISTENT,
                                                       ZK_RECURSIVE};
            if (list >= 3 || type == 0) {
                zk_watch(zk, r->link, kinds[list], path);
                continue;
            }
            struct sup_buf b = {0};
            sup_int(&b, -1);
            sup_long(&b, -1);
            sup_int(&b, 0);
            sup_int(&b, type);
            sup_int(&b, 3);
            sup_str(&b, path);
            zk_send(zk, r->link, &b);
            sup_buf_free(&b);
        }
    }
    return 0;
}

static int add_watch(struct zk *zk, struct zk_request *r)
{
    char path[256];
    zk_in_str(&r->in, path, sizeof path);
    int64_t mode = zk_in_int(&r->in);
    if (r->in.bad || mode < 0 || mode > 1)
        return -5;
    zk_watch(zk, r->link, mode == 0 ? ZK_PERSISTENT : ZK_RECURSIVE, path);
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
        return -5;
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

bool zk_answer(struct zk *zk, struct zk_request *r)
{
    bool with_stat;
    char path[256];
    switch (r->op) {
    case 1:
    case 15:
    case 19:
    case 21:
        r->err = create(zk, r, r->op, &with_stat);
        return false;
    case 2:
        r->err = path_version(zk, r, r->op);
        return false;
    case 3:
    case 4:
    case 6:
    case 8:
    case 12:
        r->err = read_node(zk, r, r->op, false);
        return false;
    case 5:
        r->err = set_data(zk, r);
        return false;
    case 7:
        r->err = set_acl(zk, r);
        return false;
    case 9:
        if (zk_in_str(&r->in, path, sizeof path))
            sup_str(&r->body, path);
        return false;
    case 14:
    case 22:
        r->err = multi(zk, r, r->op == 22);
        return false;
    case 101:
        r->err = set_watches(zk, r, 3);
        return false;
    case 105:
        r->err = set_watches(zk, r, 5);
        return false;
    case 106:
        r->err = add_watch(zk, r);
        return false;
    case 104:
        r->err = count_all(zk, r);
        return false;
    case 16:
        r->err = -123;
        return false;
    case 17:
    case 18:
        r->err = -121;
        return false;
    case 100:
        r->zxid = -2;
        auth(zk, r);
        return false;
    case 102:
        r->zxid = -2;
        sup_str(&r->body, "token");
        return false;
    case 103:
    case 107:
        sup_int(&r->body, 0);
        return false;
    case 11:
    case -11:
        return false;
    default:
        zk->refused++;
        r->zxid = -1;
        r->err = -6;
        return true;
    }
}
