/*
 * The model ensemble (zk.h): sessions, watches and dispatch. Its operations are in zk_ops.c.
 *
 * Happy path: one request in, its events, then its reply out.
 * Failure modes: what does not decode is answered MARSHALLINGERROR, an unknown type UNIMPLEMENTED and the
 * end.
 */
#include "zk.h"

#include <stdio.h>
#include <stdlib.h>

#include "zk_ops.h"

static void start_tree(struct tree *t)
{
    static const char config[] = "server.1=127.0.0.1:2888:3888:participant;127.0.0.1:2181\n"
                                 "server.2=127.0.0.1:2889:3889:observer;0.0.0.0:2182\nversion=100000000";
    static const char *const paths[] = {"/zookeeper", "/zookeeper/config", "/storm", "/storm/workerbeats"};
    char made[256];
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        t->zxid++;
        struct tree_new what = {.data = (const uint8_t *)config, .len = i == 1 ? (int)sizeof config - 1 : 0};
        assert_int_equal(tree_create(t, paths[i], &what, made), TREE_OK);
    }
    t->nchanges = 0;
}

void zk_init(struct zk *zk)
{
    memset(zk, 0, offsetof(struct zk, sessions));
    tree_init(&zk->tree);
    zk->now_ms = 1000000;
    zk->tree.now_ms = zk->now_ms;
    start_tree(&zk->tree);
}

void zk_free(struct zk *zk)
{
    tree_free(&zk->tree);
    sup_buf_free(&zk->frame);
    if (zk->has_older)
        tree_free(&zk->older);
}

struct zk_session *zk_session(struct zk *zk, int64_t id)
{
    for (int i = 0; i < zk->nsessions; i++)
        if (zk->sessions[i].id == id && zk->sessions[i].alive)
            return &zk->sessions[i];
    return NULL;
}

static void close_link(struct zk *zk, int link)
{
    if (!zk->links[link].open)
        return;
    zk_eof(zk, link);
    zk->hangup(zk->ctx, link);
}

void zk_eof(struct zk *zk, int link)
{
    zk->links[link] = (struct zk_link){0};
    for (int i = 0; i < zk->nwatches; i++)
        if (zk->watches[i].link == link)
            zk->watches[i].link = -1;
}

void zk_send(struct zk *zk, int link, const struct sup_buf *b)
{
    sup_buf_reset(&zk->frame);
    sup_int(&zk->frame, (int64_t)b->len);
    sup_raw(&zk->frame, b->p, b->len);
    zk->emit(zk->ctx, link, zk->frame.p, zk->frame.len);
}

void zk_event(struct zk *zk, int link, int type, const char *path)
{
    enum { SYNC_CONNECTED = 3 };
    struct sup_buf b = {0};
    sup_int(&b, PK_XID_NOTIFICATION);
    sup_long(&b, zk->event_zxid != 0 ? zk->event_zxid + zk->events_lie : -1);
    sup_int(&b, PK_Z_OK);
    sup_int(&b, type);
    sup_int(&b, SYNC_CONNECTED);
    sup_str(&b, path);
    zk_send(zk, link, &b);
    sup_buf_free(&b);
}

static bool under(const char *path, const char *root)
{
    size_t n = strlen(root);
    n -= n == 1;
    return strncmp(path, root, n) == 0 && (path[n] == 0 || path[n] == '/');
}

static bool fires(const struct zk_watch *w, const struct tree_change *c)
{
    bool same = strcmp(w->path, c->path) == 0;
    switch (w->kind) {
    case ZK_DATA:
        return same && c->type != PK_EVENT_CHILDREN_CHANGED;
    case ZK_CHILD:
        return same && (c->type == PK_EVENT_DELETED || c->type == PK_EVENT_CHILDREN_CHANGED);
    case ZK_PERSISTENT:
        return same;
    default:
        return c->type != PK_EVENT_CHILDREN_CHANGED && under(c->path, w->path);
    }
}

static bool fires_any(const struct zk *zk, const struct tree_change *c)
{
    for (int i = 0; i < zk->nwatches; i++)
        if (zk->watches[i].link != -1 && fires(&zk->watches[i], c))
            return true;
    return false;
}

void zk_fire(struct zk *zk)
{
    bool any = false;
    for (int k = 0; zk->spy != NULL && k < zk->tree.nchanges; k++)
        zk->spy(zk->ctx, zk->actor, &zk->tree.changes[k]);
    for (int i = 0; i < zk->nwatches; i++)
        any |= zk->watches[i].link != -1;
    zk->event_zxid = zk->events_tell ? zk->tree.zxid : 0;
    for (int k = 0; any && k < zk->tree.nchanges; k++) {
        const struct tree_change c = zk->tree.changes[k];
        if (!fires_any(zk, &c))
            continue;
        for (int link = 0; link < ZK_LINKS; link++) {
            bool told = false;
            for (int i = 0; i < zk->nwatches; i++) {
                struct zk_watch *w = &zk->watches[i];
                if (w->link != link || !fires(w, &c))
                    continue;
                if (!told)
                    zk_event(zk, link, c.type, c.path);
                told = true;
                if (w->kind <= ZK_CHILD)
                    w->link = -1;
            }
        }
    }
    zk->tree.nchanges = 0;
    zk->event_zxid = 0;
}

void zk_watch(struct zk *zk, int link, enum zk_watch_kind kind, const char *path)
{
    int room = -1;
    for (int i = 0; i < zk->nwatches; i++) {
        const struct zk_watch *w = &zk->watches[i];
        if (w->link == link && w->kind == kind && strcmp(w->path, path) == 0)
            return;
        if (w->link == -1 && room < 0)
            room = i;
    }
    if (room < 0 && zk->nwatches == ZK_WATCHES)
        return;
    if (room < 0)
        room = zk->nwatches++;
    zk->watches[room].link = link;
    zk->watches[room].kind = kind;
    snprintf(zk->watches[room].path, sizeof zk->watches[room].path, "%s", path);
}

void zk_end_session(struct zk *zk, int64_t id)
{
    zk->actor = -1;
    zk->tree.who = NULL;
    tree_end_session(&zk->tree, id);
    zk_fire(zk);
}

static void end_session(struct zk *zk, struct zk_session *s)
{
    s->alive = false;
    zk_end_session(zk, s->id);
}

void zk_time(struct zk *zk, int64_t now_ms)
{
    zk->now_ms = zk->tree.now_ms = now_ms;
    for (int i = 0; i < zk->nsessions; i++) {
        struct zk_session *s = &zk->sessions[i];
        if (!s->alive || now_ms < (s->touched_ms + s->timeout_ms + ZK_TICK_MS) / ZK_TICK_MS * ZK_TICK_MS)
            continue;
        zk->tree.zxid++;
        end_session(zk, s);
        for (int link = 0; link < ZK_LINKS; link++)
            if (zk->links[link].session == s->id)
                close_link(zk, link);
    }
}

void zk_welcome(struct zk *zk, int link, int64_t session, int timeout_ms, bool tell_read_only)
{
    struct sup_buf b = {0};
    sup_int(&b, 0);
    sup_int(&b, session != 0 ? timeout_ms : 0);
    sup_long(&b, session);
    sup_int(&b, 16);
    for (int i = 0; i < 16; i++)
        sup_byte(&b, session != 0 ? 'p' : 0);
    if (tell_read_only)
        sup_byte(&b, zk->read_only);
    zk_send(zk, link, &b);
    sup_buf_free(&b);
}

int zk_granted(int asked_ms, int least_ms)
{
    enum { MOST_MS = 40000 };
    return asked_ms < least_ms ? least_ms : asked_ms > MOST_MS ? MOST_MS : asked_ms;
}

static void connect(struct zk *zk, int link, const uint8_t *p, size_t len)
{
    struct zk_in in = {p, p + len, false};
    struct zk_connect c;
    if (!zk_in_connect(&in, &c) || c.seen > zk->tree.zxid ||
        (c.session == 0 && zk->nsessions == ZK_SESSIONS)) {
        zk->links[link].open = true;
        close_link(zk, link);
        return;
    }
    struct zk_session *s = c.session != 0 ? zk_session(zk, c.session) : &zk->sessions[zk->nsessions];
    if (c.session == 0) {
        zk->tree.zxid++;
        *s = (struct zk_session){.id = 0x1000 + zk->nsessions++, .alive = true};
    }
    for (int other = 0; s != NULL && other < ZK_LINKS; other++)
        if (zk->links[other].open && zk->links[other].session == s->id)
            close_link(zk, other);
    zk->links[link] = (struct zk_link){.open = true, .session = s != NULL ? s->id : 0};
    int timeout_ms = zk_granted(c.timeout_ms, ZK_LEAST_MS);
    if (s != NULL) {
        s->timeout_ms = timeout_ms;
        s->touched_ms = zk->now_ms;
    }
    zk_welcome(zk, link, s != NULL ? s->id : 0, timeout_ms, c.read_only_byte);
    if (s == NULL)
        close_link(zk, link);
}

void zk_put_reply(const struct zk *zk, struct zk_request *r, struct sup_buf *b)
{
    if (r->in.bad && r->err == 0)
        r->err = PK_Z_MARSHALLING_ERROR;
    sup_int(b, r->op == PK_OP_PING ? PK_XID_PING : r->xid);
    sup_long(b, r->zxid == ZK_ZXID_ZERO ? 0 : r->zxid != 0 ? r->zxid : zk->tree.zxid);
    sup_int(b, r->err);
    if (r->err == 0)
        sup_raw(b, r->body.p, r->body.len);
}

void zk_reply(struct zk *zk, struct zk_request *r)
{
    struct sup_buf b = {0};
    zk_put_reply(zk, r, &b);
    zk_fire(zk);
    zk_send(zk, r->link, &b);
    sup_buf_free(&b);
    sup_buf_free(&r->body);
}

bool zk_is_write(int op)
{
    switch (op) {
    case PK_OP_CREATE:
    case PK_OP_CREATE2:
    case PK_OP_CREATE_CONTAINER:
    case PK_OP_CREATE_TTL:
    case PK_OP_DELETE:
    case PK_OP_SET_DATA:
    case PK_OP_SET_ACL:
    case PK_OP_MULTI:
    case PK_OP_CLOSE_SESSION:
        return true;
    default:
        return false;
    }
}

void zk_lag(struct zk *zk, int link)
{
    bool any = false;
    for (int i = 0; i < zk->nwatches; i++)
        if (zk->watches[i].link == link)
            return;
    for (int i = 0; i < ZK_LINKS; i++)
        any |= zk->links[i].open && zk->links[i].lags;
    if (!any) {
        if (zk->has_older)
            tree_free(&zk->older);
        tree_copy(&zk->older, &zk->tree);
        zk->has_older = true;
    }
    zk->links[link].lags = zk->older.zxid == zk->tree.zxid;
}

/* A plain read: what a server that lags answers from what it has. Anything else makes it catch up. */
static bool reads_only(const struct zk_request *r)
{
    bool watch = r->in.p < r->in.end && r->in.end[-1] != 0;
    switch (r->op) {
    case PK_OP_GET_ACL:
    case PK_OP_GET_ALL_CHILDREN_NUMBER:
        return true;
    case PK_OP_EXISTS:
    case PK_OP_GET_DATA:
    case PK_OP_GET_CHILDREN:
    case PK_OP_GET_CHILDREN2:
        return !watch;
    default:
        return false;
    }
}

static bool forgotten(struct zk *zk, struct zk_request *r)
{
    struct tree before;
    tree_copy(&before, &zk->tree);
    bool end = zk_answer(zk, r);
    tree_free(&zk->tree);
    zk->tree = before;
    return end;
}

static bool execute(struct zk *zk, struct zk_request *r)
{
    struct zk_link *link = &zk->links[r->link];
    char user[sizeof link->user];
    strcpy(user, link->user);
    if (r->op != PK_OP_PING && !reads_only(r))
        link->lags = false;
    bool older = link->lags;
    struct tree newest = zk->tree;
    if (older) {
        zk->tree = zk->older;
        r->zxid = r->zxid == 0 ? zk->older.zxid : r->zxid;
    }
    zk->tree.who = zk->forget_acls ? "u" : user[0] != 0 ? user : NULL;
    bool end = zk->forget_flushes && r->op == PK_OP_MULTI ? forgotten(zk, r) : zk_answer(zk, r);
    zk->tree.who = NULL;
    if (older)
        zk->tree = newest;
    return end;
}

void zk_feed(struct zk *zk, int link, const uint8_t *p, size_t len)
{
    if (!zk->links[link].open) {
        connect(zk, link, p, len);
        return;
    }
    struct zk_request r = {.link = link, .in = {p, p + len, false}};
    r.xid = (int)zk_in_int(&r.in);
    r.op = (int)zk_in_int(&r.in);
    r.session = zk->links[link].session;
    struct zk_session *s = zk_session(zk, r.session);
    if (r.in.bad || s == NULL || (zk->max_frame > 0 && len > zk->max_frame)) {
        close_link(zk, link);
        return;
    }
    if (r.op != PK_OP_AUTH && r.op != PK_OP_SASL) {
        s->touched_ms = zk->now_ms;
        if (zk->require_auth) {
            r.err = PK_Z_SESSION_CLOSED_REQUIRE_SASL_AUTH;
            r.zxid = ZK_ZXID_ZERO;
            zk_reply(zk, &r);
            close_link(zk, link);
            return;
        }
    }
    zk->tree.zxid += zk_is_write(r.op);
    zk->writes += zk_is_write(r.op) && r.op != PK_OP_CLOSE_SESSION;
    zk->actor = link;
    bool end = execute(zk, &r);
    if (r.op == PK_OP_CLOSE_SESSION)
        end_session(zk, s);
    zk_reply(zk, &r);
    if (end || r.op == PK_OP_CLOSE_SESSION)
        close_link(zk, link);
}
