/* The clients of the model test (model_clients.h). */
#include "model_clients.h"
#include "uplink.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

const struct core_mount model_mounts[MODEL_MOUNTS] = {
    {.path = "/wb",
     .mode = PK_MODE_WRITE_BEHIND,
     .max_znodes = 100,
     .max_bytes = 100000,
     .max_znode = 1000,
     .flush_us = MODEL_FLUSH_US},
    {.path = "/nv", .mode = PK_MODE_WRITE_BEHIND, .max_znodes = 100, .max_bytes = 100000, .max_znode = 1000},
    {.path = "/pm", .mode = PK_MODE_PACEMAKER, .max_znodes = 100, .max_bytes = 100000, .max_znode = 1000},
};

const struct model_path model_paths[] = {
    {.path = "/wb/a", .mount = AT_WRITE_BEHIND, .there = true},
    {.path = "/wb/b", .mount = AT_WRITE_BEHIND},
    {.path = "/wb/d", .mount = AT_WRITE_BEHIND, .there = true},
    {.path = "/wb/e", .mount = AT_WRITE_BEHIND, .ephemeral = true},
    {.path = "/wb/r", .mount = AT_WRITE_BEHIND, .there = true, .user = "u", .perms = PK_PERM_READ},
    {.path = "/wb/s", .mount = AT_WRITE_BEHIND, .there = true, .user = "u"},
    {.path = "/nv/a", .mount = AT_NEVER, .there = true},
    {.path = "/pm/a", .mount = AT_PACEMAKER, .there = true},
    {.path = "/pm/b", .mount = AT_PACEMAKER},
    {.path = "/storm/o", .mount = AT_NOTHING, .there = true},
};
const int model_npaths = sizeof model_paths / sizeof model_paths[0];

void model_trace(struct model *m, const char *format, ...)
{
    va_list args;
    if (!m->trace)
        return;
    va_start(args, format);
    fprintf(stderr, "%5lld ", (long long)m->o.now);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static struct asked *ask(struct actor *actor, int xid, int op, int path)
{
    assert_true(actor->last - actor->first < PENDING);
    struct asked *q = &actor->pending[actor->last++ % PENDING];
    *q = (struct asked){.xid = xid, .op = op, .path = path};
    return q;
}

void actor_connect(struct model *m, int a, bool same)
{
    struct sup_buf b = {0};
    struct actor *actor = &m->actors[a];
    int c = sim_open(&m->s);
    assert_true(c >= 0);
    if (!same || actor->session == 0) {
        actor->session = 0;
        actor->who = ++m->sessions;
    }
    model_trace(m, "actor %d connects as connection %d, session %#llx", a, c, (long long)actor->session);
    actor->c = c;
    actor->connecting = actor->leaving = false;
    actor->first = actor->last = actor->pings = 0;
    wire_connect(&b, actor->session, 30000, 0, 0);
    if (actor->user != NULL) {
        wire_user(&b, PK_XID_AUTH, actor->user);
        ask(actor, PK_XID_AUTH, PK_OP_AUTH, -1);
    }
    sim_send(&m->s, c, &b);
    sup_buf_free(&b);
}

int model_value(const struct model *m, const char *path, int *version)
{
    char data[16] = "";
    const struct tree_node *z = tree_find(&m->s.zk.tree, path);
    *version = z != NULL ? z->version : -1;
    if (z != NULL && z->len > 0 && z->len < (int)sizeof data)
        memcpy(data, z->data, (size_t)z->len);
    return data[0] == 'v' ? (int)strtol(data + 1, NULL, 10) : -1;
}

/* ---- requests -------------------------------------------------------------------------------------------- */

static const char *text(char room[16], int value)
{
    snprintf(room, 16, "v%d", value);
    return room;
}

static int note(struct model *m, struct actor *actor, struct asked *q, enum orc_kind kind, int path,
                int asked)
{
    int op = orc_send(&m->o, kind, path, actor->who, asked);
    const struct sim_conn *conn = &m->s.conns[actor->c];
    if (conn->link >= 0 && m->s.zk.links[conn->link].lags)
        orc_lags(&m->o, op);
    q->orc[q->norc++] = op;
    return op;
}

static int any_path(struct model *m)
{
    return (int)sup_below(&m->rng, (uint32_t)model_npaths);
}

/* Mostly the actor's own: cached znodes last when few write. */
static int actors_path(struct model *m, int a)
{
    static const int own[ACTORS][2] = {{4, 5}, {0, 3}, {2, 0}, {6, 1}, {7, 6}};
    return sup_below(&m->rng, 5) > 0 ? own[a][sup_below(&m->rng, 4) == 0] : any_path(m);
}

static void ask_set(struct model *m, struct actor *actor, struct sup_buf *b, int path)
{
    char room[16];
    struct asked *q = ask(actor, ++actor->xid, PK_OP_SET_DATA, path);
    int asked = sup_below(&m->rng, 4) == 0 ? m->known[path] + (int)sup_below(&m->rng, 5) / 4 : -1;
    int op = note(m, actor, q, ORC_SET, path, asked);
    wire_set(b, q->xid, model_paths[path].path, text(room, op), asked);
}

static void ask_read(struct model *m, struct actor *actor, struct sup_buf *b, int op, int path, bool watch)
{
    struct asked *q = ask(actor, ++actor->xid, op, path);
    note(m, actor, q, op == PK_OP_GET_DATA ? ORC_DATA : ORC_STAT, path, -1);
    wire_read(b, q->xid, op, model_paths[path].path, watch);
}

static void ask_create(struct model *m, struct actor *actor, struct sup_buf *b, int path)
{
    char room[16];
    struct asked *q = ask(actor, ++actor->xid, PK_OP_CREATE, path);
    int op = note(m, actor, q, ORC_CREATE, path, -1);
    int flags = model_paths[path].ephemeral ? PK_CREATE_EPHEMERAL : PK_CREATE_PERSISTENT;
    wire_create_as(b, q->xid, PK_OP_CREATE, flags, model_paths[path].path, text(room, op));
}

static void ask_delete(struct model *m, struct actor *actor, struct sup_buf *b, int path)
{
    struct asked *q = ask(actor, ++actor->xid, PK_OP_DELETE, path);
    note(m, actor, q, ORC_DELETE, path, -1);
    wire_delete(b, q->xid, model_paths[path].path, -1);
}

/* Two setData in one. */
static void ask_multi(struct model *m, struct actor *actor, struct sup_buf *b)
{
    static const int often[] = {0, 6, 9, 0, 2, 1};
    char room[16];
    int first = (int)sup_below(&m->rng, 4), path = often[first];
    struct asked *q = ask(actor, ++actor->xid, PK_OP_MULTI, path);
    size_t mark = wire_multi(b, q->xid, PK_OP_MULTI);
    if (sup_below(&m->rng, 2)) { /* names it twice, and always succeeds where it is there */
        wire_multi_check(b, model_paths[path].path, -1);
        q->checks = 1;
    }
    for (int i = 0; i < 2; i++, path = often[first + 1 + (int)sup_below(&m->rng, 2)]) {
        int op = note(m, actor, q, ORC_SET, path, -1);
        wire_multi_set(b, model_paths[path].path, text(room, op), -1);
    }
    wire_multi_end(b, mark);
}

/* What the oracle does not follow, but what the core must look at. */
static void ask_other(struct model *m, struct actor *actor, struct sup_buf *b)
{
    int what = (int)sup_below(&m->rng, 6), path = any_path(m);
    static const int ops[] = {PK_OP_SYNC,   PK_OP_GET_CHILDREN2, PK_OP_CREATE,
                              PK_OP_DELETE, PK_OP_ADD_WATCH,     PK_OP_GET_ACL};
    struct asked *q = ask(actor, ++actor->xid, ops[what], -1);
    if (what == 2)
        wire_create(b, q->xid, "/wb/d/x", "");
    else if (what == 3)
        wire_delete(b, q->xid, "/wb/d/x", -1);
    else if (what == 4 && sup_below(&m->rng, 30) == 0) {
        wire_add_watch(b, q->xid, model_paths[path].path, PK_WATCH_PERSISTENT);
    } else {
        q->op = what == 4 ? PK_OP_SYNC : ops[what];
        if (q->op == PK_OP_GET_CHILDREN2)
            wire_read(b, q->xid, PK_OP_GET_CHILDREN2, sup_below(&m->rng, 2) ? "/wb" : model_paths[path].path,
                      false);
        else
            wire_path(b, q->xid, q->op, model_paths[path].path);
    }
}

void actor_request(struct model *m, int a)
{
    struct sup_buf b = {0};
    struct actor *actor = &m->actors[a];
    int path = any_path(m),
        dice = actor->reads_only ? 550 + (int)sup_below(&m->rng, 260) : (int)sup_below(&m->rng, 1000);
    bool removable = model_paths[path].user == NULL;
    if (actor->last - actor->first > PENDING - 8 || m->o.n > ORC_OPS - 40)
        return;
    if (dice < 550) {
        path = actors_path(m, a);
        if (dice < 200)
            ask_read(m, actor, &b, PK_OP_EXISTS, path, false);
        ask_set(m, actor, &b, path);
        m->sets++;
    } else if (dice < 750) {
        ask_read(m, actor, &b, PK_OP_GET_DATA, path, false);
    } else if (dice < 810) {
        ask_read(m, actor, &b, PK_OP_EXISTS, path, false);
    } else if (dice < 820) {
        ask_read(m, actor, &b, sup_below(&m->rng, 2) ? PK_OP_EXISTS : PK_OP_GET_DATA, path, true);
    } else if (dice < 890 && removable) {
        ask_create(m, actor, &b, path);
    } else if (dice < 905 && removable) {
        ask_delete(m, actor, &b, path);
    } else if (dice < 920) {
        ask_multi(m, actor, &b);
    } else if (dice < 940) {
        wire_ping(&b);
        actor->pings++;
    } else {
        ask_other(m, actor, &b);
    }
    if (actor->last > actor->first) {
        const struct asked *q = &actor->pending[(actor->last - 1) % PENDING];
        model_trace(m, "actor %d: xid %d type %d on %s, request %d", a, q->xid, q->op,
                    q->path >= 0 ? model_paths[q->path].path : "-", q->norc > 0 ? q->orc[q->norc - 1] : -1);
    }
    sim_send(&m->s, actor->c, &b);
    sup_buf_free(&b);
}

void actor_ping(struct model *m, int a)
{
    struct sup_buf b = {0};
    wire_ping(&b);
    m->actors[a].pings++;
    sim_send(&m->s, m->actors[a].c, &b);
    sup_buf_free(&b);
}

void actor_close(struct model *m, int a)
{
    struct sup_buf b = {0};
    struct actor *actor = &m->actors[a];
    struct asked *q = ask(actor, ++actor->xid, PK_OP_CLOSE_SESSION, -1);
    model_trace(m, "actor %d closes its session", a);
    wire_op(&b, q->xid, PK_OP_CLOSE_SESSION);
    sim_send(&m->s, actor->c, &b);
    sup_buf_free(&b);
    actor->leaving = true;
}

/* ---- answers --------------------------------------------------------------------------------------------- */

static bool may(const struct actor *actor, int path, int perm)
{
    const struct model_path *p = &model_paths[path];
    return p->user == NULL || (p->perms & perm) != 0 ||
           (actor->user != NULL && strcmp(actor->user, p->user) == 0);
}

static bool expected(int op, int err)
{
    switch (op) {
    case PK_OP_CREATE:
        return err == PK_Z_OK || err == PK_Z_NODE_EXISTS || err == PK_Z_NO_NODE;
    case PK_OP_DELETE:
        return err == PK_Z_OK || err == PK_Z_NO_NODE || err == PK_Z_NOT_EMPTY;
    case PK_OP_SET_DATA:
        return err == PK_Z_OK || err == PK_Z_NO_NODE || err == PK_Z_BAD_VERSION;
    default:
        return err == PK_Z_OK || err == PK_Z_NO_NODE;
    }
}

static int value_of(const struct sim_frame *f, size_t *len)
{
    if (f->len < 4)
        return -1;
    *len = 4 + (size_t)sup_be32(f->body);
    return sup_be32(f->body) > 1 && f->body[4] == 'v' ? (int)strtol((const char *)f->body + 5, NULL, 10) : -1;
}

static void multi_answered(struct model *m, const struct asked *q, const struct sim_frame *f)
{
    const uint8_t *p = f->body;
    if (sup_be32(p) == PK_OP_CHECK)
        p += PK_MULTI_HEADER * q->checks;
    bool done = sup_be32(p) == PK_OP_SET_DATA;
    for (int i = 0; i < q->norc; i++) {
        /* when one fails the others have errors too, or OK: none took effect */
        if (done && sup_be32(p) == PK_OP_SET_DATA) {
            orc_answer(&m->o, q->orc[i], PK_Z_OK, p + PK_MULTI_HEADER, -1);
            p += PK_MULTI_HEADER + PK_STAT_LEN;
        } else {
            orc_answer(&m->o, q->orc[i], PK_Z_RUNTIME_INCONSISTENCY, NULL, -1);
        }
    }
}

static void answered(struct model *m, const struct actor *actor, const struct asked *q,
                     const struct sim_frame *f)
{
    const uint8_t *stat = f->body;
    size_t len = 0;
    int value = -1, perm = q->op == PK_OP_SET_DATA ? PK_PERM_WRITE : PK_PERM_READ;
    if (q->path < 0)
        return;
    if (q->op == PK_OP_MULTI && f->err == PK_Z_OK) {
        multi_answered(m, q, f);
        return;
    }
    bool checked = q->op == PK_OP_GET_DATA || q->op == PK_OP_SET_DATA ||
                   (q->op == PK_OP_EXISTS && m->s.zk.exists_needs_read);
    if (checked && f->err == PK_Z_OK && !may(actor, q->path, perm))
        orc_wrong(&m->o, "request %d of a session that may not was permitted", q->orc[0]);
    if (!(checked && f->err == PK_Z_NO_AUTH && !may(actor, q->path, perm)) && !expected(q->op, f->err))
        orc_wrong(&m->o, "request %d (type %d) got error %d", q->orc[0], q->op, f->err);
    if (f->err == PK_Z_OK && q->op == PK_OP_GET_DATA) {
        value = value_of(f, &len);
        stat = f->body + len;
        if (value < 0 || f->len != len + PK_STAT_LEN || sim_stat(f).data_length + 4 != (int)len)
            orc_wrong(&m->o, "request %d reads what nobody wrote, or another length", q->orc[0]);
    }
    bool has_stat = q->op == PK_OP_EXISTS || q->op == PK_OP_GET_DATA || q->op == PK_OP_SET_DATA;
    orc_answer(&m->o, q->orc[0], f->err, f->err == PK_Z_OK && has_stat ? stat : NULL, value);
    int version = m->o.ops[q->orc[0]].version;
    if (version >= 0)
        m->known[q->path] = version;
}

/* Puts an older value of the same length into a read. */
static bool make_stale(const struct model *m, int path, uint8_t *body)
{
    char text[16], shown[16];
    snprintf(shown, sizeof shown, "%.*s", (int)(sup_be32(body) % 16), (const char *)body + 4);
    const struct orc_op *now = &m->o.ops[strtol(shown + 1, NULL, 10)];
    for (const struct orc_op *x = now - 1; x >= m->o.ops; x--) {
        snprintf(text, sizeof text, "v%d", (int)(x - m->o.ops));
        if (x->path != path || x->kind != ORC_SET || x->err != 0 || x->acked >= now->sent ||
            strlen(text) != strlen(shown))
            continue;
        memcpy(body + 4, text, strlen(text));
        return true;
    }
    return false;
}

enum { STAT_VERSION_END = 36 }; /* in a Stat */

/* The defect, once: true when the frame is not to be looked at. */
static bool spoil(struct model *m, const struct asked *q, struct sim_frame *f, uint8_t room[256])
{
    if (m->fault_done || f->err != PK_Z_OK || q->path < 0 || f->len > 256 || m->o.n < 60)
        return false;
    memcpy(room, f->body, f->len);
    f->body = room;
    if (m->fault == STALE_VALUE && q->op == PK_OP_GET_DATA)
        m->fault_done = make_stale(m, q->path, room);
    if (m->fault == LOW_VERSION && q->op == PK_OP_SET_DATA && sim_stat(f).version > 2) {
        room[STAT_VERSION_END - 1]--;
        m->fault_done = true;
    }
    m->fault_done |= m->fault == NEVER_ANSWERED;
    return m->fault == NEVER_ANSWERED;
}

static void one_frame(struct model *m, int a, struct sim_frame *f)
{
    uint8_t room[256];
    struct actor *actor = &m->actors[a];
    if (f->xid == PK_XID_NOTIFICATION)
        return;
    if (f->xid == PK_XID_PING) {
        if (--actor->pings < 0)
            orc_wrong(&m->o, "actor %d: a ping was answered twice", a);
        return;
    }
    if (actor->first == actor->last || actor->pending[actor->first % PENDING].xid != f->xid) {
        orc_wrong(&m->o, "actor %d: xid %d is answered instead of %d", a, f->xid,
                  actor->first < actor->last ? actor->pending[actor->first % PENDING].xid : 0);
        return;
    }
    struct asked *q = &actor->pending[actor->first % PENDING];
    if (spoil(m, q, f, room))
        return;
    actor->first++;
    answered(m, actor, q, f);
    const struct orc_op *seen = q->norc > 0 ? &m->o.ops[q->orc[q->norc - 1]] : NULL;
    model_trace(m, "   actor %d: xid %d zxid %#llx err %d, version %d value %d mzxid %#llx", a, f->xid,
                (long long)f->zxid, f->err, seen ? seen->version : -1, seen ? seen->value : -1,
                seen ? (long long)seen->mzxid : 0);
    if (m->fault == TWICE && !m->fault_done && m->o.n > 60) {
        m->fault_done = true;
        one_frame(m, a, f);
    }
}

static bool connect(struct model *m, int a)
{
    struct actor *actor = &m->actors[a];
    struct sim_conn *conn = &m->s.conns[actor->c];
    if (!actor->connecting && conn->got.len >= WIRE_CONNECT_REPLY) {
        actor->connecting = true;
        conn->got_off = WIRE_CONNECT_REPLY;
        actor->session = sup_be64(conn->got.p + 12);
    }
    return actor->connecting;
}

void actors_hear(struct model *m)
{
    struct sim_frame f;
    for (int a = 0; a < ACTORS; a++) {
        struct actor *actor = &m->actors[a];
        if (actor->c < 0)
            continue;
        if (connect(m, a))
            while (m->o.wrong[0] == 0 && sim_frame(&m->s, actor->c, &f))
                one_frame(m, a, &f);
        if (m->s.conns[actor->c].closed) {
            model_trace(m, "actor %d: connection %d ended, why %d", a, actor->c,
                        (int)m->s.conns[actor->c].why);
            sim_forget(&m->s, actor->c);
            actor->c = -1;
        }
    }
}

/* ---- others ---------------------------------------------------------------------------------------------- */

/* Writes of the path that are on their way, or only in the proxy. */
static bool pending_writes(const struct model *m, int path, int in_ensemble)
{
    int newest = -1;
    for (int c = 0; c < SIM_CONNS; c++)
        if (m->s.conns[c].used && m->s.conns[c].wire.len > m->s.conns[c].wire_off)
            return true;
    for (int i = 0; i < m->o.n; i++) {
        const struct orc_op *w = &m->o.ops[i];
        if (w->path == path && w->kind == ORC_SET && w->err == 0 && w->acked != ORC_NEVER &&
            (newest < 0 || w->acked > m->o.ops[newest].acked))
            newest = i;
    }
    return m->s.late.link >= 0 || (newest >= 0 && newest != in_ensemble);
}

void model_bypass(struct model *m)
{
    char room[16];
    int path = any_path(m), version;
    if (model_paths[path].user != NULL)
        return;
    int shown = model_value(m, model_paths[path].path, &version);
    bool there = version >= 0;
    enum orc_kind kind = !there ? ORC_CREATE : sup_below(&m->rng, 4) == 0 ? ORC_DELETE : ORC_SET;
    if (kind == ORC_CREATE && model_paths[path].mount == AT_PACEMAKER)
        return;
    /* A flush knows versions: made anew up to the same one, the znode is taken for the old one, and written. */
    if (kind == ORC_DELETE && pending_writes(m, path, shown))
        orc_mistaken(&m->o, path);
    int op = orc_send(&m->o, kind, path, -1, -1), err;
    text(room, op);
    err = kind == ORC_CREATE   ? sim_direct_create(&m->s, model_paths[path].path, room)
          : kind == ORC_DELETE ? sim_direct_delete(&m->s, model_paths[path].path)
                               : sim_direct_set(&m->s, model_paths[path].path, room, -1);
    model_trace(m, "bypass: request %d, kind %d on %s, err %d", op, (int)kind, model_paths[path].path, err);
    orc_foreign(&m->o, op, err);
    m->foreign++;
}

void actor_abandon(struct model *m, int a)
{
    const struct actor *actor = &m->actors[a];
    for (int i = actor->first; i < actor->last; i++)
        for (int k = 0; k < actor->pending[i % PENDING].norc; k++)
            orc_abandon(&m->o, actor->pending[i % PENDING].orc[k]);
    m->drops++;
}

void model_lag(struct model *m, int a)
{
    struct actor *actor = &m->actors[a];
    int link = m->s.conns[actor->c].link;
    if (link < 0 || !m->s.zk.links[link].open)
        return;
    zk_lag(&m->s.zk, link);
    if (!m->s.zk.links[link].lags)
        return;
    model_trace(m, "actor %d lags", a);
    for (int i = actor->first; i < actor->last; i++)
        for (int k = 0; k < actor->pending[i % PENDING].norc; k++)
            orc_lags(&m->o, actor->pending[i % PENDING].orc[k]);
}
