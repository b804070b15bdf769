/*
 * Requests of clients (ask.h).
 *
 * Happy path: a role asks for what it asks for, some tenths of a second apart, at most some requests at a time.
 * Failure modes: errors that a ZooKeeper would not give are findings.
 */
#include "ask.h"

#include <stdio.h>
#include <stdlib.h>

#include "follow.h"
#include "foreign.h"
#include "gather.h"
#include "numbered.h"
#include "proto/records.h"
#include "tests/sim/wire.h"

enum { WINDOW = 4, PARENT_LEN = 20 };

static const char parent[] = ASK_PARENT;

/* Whose answer may show any of them. */
static bool asks_of_all(int op)
{
    return op == PK_OP_GET_CHILDREN || op == PK_OP_GET_CHILDREN2 || op == PK_OP_MULTI_READ ||
           op == PK_OP_GET_ALL_CHILDREN_NUMBER;
}

struct request *ask_add(struct world *w, struct client *c, int op, int path)
{
    struct request *r = &c->requests[c->last++ % REQUESTS];
    *r = (struct request){.xid = ++c->xid, .op = op, .path = path, .asked_us = w->now_us};
    for (int i = 0; i < ORACLE_PATHS; i++)
        if (i == path || asks_of_all(op))
            r->floors[i] = oracle_floor(w, i, c->number);
    return r;
}

static const char *text(struct world *w, char room[600], int n)
{
    int pad = world_chance(w, 4) ? (int)sup_below(&w->rng, 500) : 6;
    snprintf(room, 600, "%d:%0*d", n, pad, 0);
    return room;
}

/* ---- requests -------------------------------------------------------------------------------------------- */

static void read_one(struct world *w, struct client *c, struct sup_buf *b, int op, int path, bool watch)
{
    struct request *r = ask_add(w, c, op, path);
    wire_read(b, r->xid, op, oracle_paths[path].path, watch);
}

static void set(struct world *w, struct client *c, struct sup_buf *b, int path)
{
    char room[600];
    bool conditional = oracle_certain(w, path) && oracle_version(w, path) >= 0 && world_chance(w, 3);
    int version = conditional ? oracle_version(w, path) : -1;
    bool multi = w->wide && world_chance(w, 30);
    struct request *r = ask_add(w, c, multi ? PK_OP_MULTI : PK_OP_SET_DATA, path);
    r->conditional = conditional;
    r->n = oracle_write(w, path, false);
    if (!multi) {
        wire_set(b, r->xid, oracle_paths[path].path, text(w, room, r->n), version);
        return;
    }
    size_t mark = wire_multi(b, r->xid, PK_OP_MULTI);
    wire_multi_set(b, oracle_paths[path].path, text(w, room, r->n), version);
    wire_multi_end(b, mark);
}

static void create(struct world *w, struct client *c, struct sup_buf *b, int path)
{
    char room[600];
    bool two = w->wide && world_chance(w, 2);
    struct request *r = ask_add(w, c, two ? PK_OP_CREATE2 : PK_OP_CREATE, path);
    r->n = oracle_write(w, path, false);
    wire_create_as(b, r->xid, r->op, PK_CREATE_PERSISTENT, oracle_paths[path].path, text(w, room, r->n));
}

static void create_parent(struct world *w, struct client *c, struct sup_buf *b)
{
    struct request *r = ask_add(w, c, PK_OP_CREATE, -1);
    wire_create(b, r->xid, parent, "");
}

static void removes(struct world *w, struct client *c, struct sup_buf *b, int path)
{
    struct request *r = ask_add(w, c, PK_OP_DELETE, path);
    r->n = oracle_write(w, path, true);
    wire_delete(b, r->xid, oracle_paths[path].path, -1);
}

static void work(struct world *w, struct client *c, struct sup_buf *b)
{
    int path = c->number;
    if (c->absent == NO_PARENT) {
        create_parent(w, c, b);
        c->absent = NO_ZNODE;
    } else if (c->absent == NO_ZNODE) {
        if (!oracle_paths[path].there)
            create(w, c, b, path);
        else
            set(w, c, b, path);
        c->absent = ABSENT_NOT;
    } else if ((path <= 1 || (w->lagging && path == 5)) && world_chance(w, 25)) {
        removes(w, c, b, path);
    } else {
        if (world_chance(w, 2))
            read_one(w, c, b, PK_OP_EXISTS, path, false);
        set(w, c, b, path);
    }
}

static void watch(struct world *w, struct client *c, struct sup_buf *b)
{
    for (int i = 0; i < WATCHED; i++) {
        struct watched *x = &c->watched[i];
        if (x->set || x->asked)
            continue;
        x->asked = true;
        read_one(w, c, b, x->absent ? PK_OP_EXISTS : PK_OP_GET_DATA, x->path, true);
    }
}

static void list(struct world *w, struct client *c, struct sup_buf *b)
{
    struct request *r = ask_add(w, c, PK_OP_GET_CHILDREN2, -1);
    wire_read(b, r->xid, PK_OP_GET_CHILDREN2, parent, false);
}

static void close_session(struct world *w, struct client *c, struct sup_buf *b)
{
    wire_end(b, wire_begin(b, ask_add(w, c, PK_OP_CLOSE_SESSION, -1)->xid, PK_OP_CLOSE_SESSION));
    c->closing = true;
}

/* What memory cannot answer: the znode of worker 5 is promoted for it; of others, too, where servers may lag behind. */
static void lock(struct world *w, struct client *c, struct sup_buf *b)
{
    struct request *r;
    char path[64];
    int promoted = w->lagging && world_chance(w, 8) ? 2 + (int)sup_below(&w->rng, 3) : 5;
    if (w->varied && world_chance(w, 6)) {
        numbered_ask(w, c, b);
        return;
    }
    if (w->wide && world_chance(w, 5)) {
        gather_ephemerals(w, c, b);
        return;
    }
    switch (sup_below(&w->rng, 4)) {
    case 0:
        r = ask_add(w, c, PK_OP_MULTI, -1);
        size_t mark = wire_multi(b, r->xid, PK_OP_MULTI);
        wire_multi_check(b, oracle_paths[promoted].path, -1);
        wire_multi_end(b, mark);
        break;
    case 1:
        r = ask_add(w, c, PK_OP_SYNC, -1);
        wire_path(b, r->xid, PK_OP_SYNC, oracle_paths[promoted].path);
        break;
    case 2:
        r = ask_add(w, c, PK_OP_CREATE, -1);
        r->locks = true;
        snprintf(path, sizeof path, "/storm/lock%d", c->number);
        wire_create_as(b, r->xid, PK_OP_CREATE, PK_CREATE_EPHEMERAL, path, "");
        break;
    default:
        read_one(w, c, b, PK_OP_EXISTS, (int)sup_below(&w->rng, ORACLE_PATHS), false);
        break;
    }
}

/* Until the next requests. Who is no worker asks less often than those beat. */
static int64_t pause_us(struct world *w, const struct client *c)
{
    int64_t beat_us = c->role == WORKER ? w->beat_us : 2 * w->beat_us;
    return beat_us > 0 ? world_between(w, beat_us / 4 * 3, beat_us / 4 * 5)
                       : world_between(w, 150000, 1300000);
}

bool ask_ready(const struct client *c)
{
    return c->last - c->first <= WINDOW;
}

void ask_something(struct world *w, struct client *c)
{
    struct sup_buf b = {0};
    if (w->now_us < c->act_us || !ask_ready(c) || c->closing)
        return;
    c->act_us = w->now_us + pause_us(w, c);
    if (world_chance(w, 40))
        c->act_us += 6000000; /* long enough for pings */
    switch (c->role) {
    case WORKER:
        work(w, c, &b);
        break;
    case WATCHER:
        watch(w, c, &b);
        break;
    case LOCKER:
        lock(w, c, &b);
        break;
    case GATHERER:
        gather_ask(w, c, &b);
        break;
    case FOLLOWER:
        follow_ask(w, c, &b);
        break;
    default:
        if (w->varied && world_chance(w, 40))
            close_session(w, c, &b);
        else if (world_chance(w, 8))
            list(w, c, &b);
        else
            read_one(w, c, &b, PK_OP_GET_DATA, (int)sup_below(&w->rng, ORACLE_PATHS), false);
    }
    if (b.len > 0)
        client_write(w, c, &b);
    sup_buf_free(&b);
}

/* ---- answers --------------------------------------------------------------------------------------------- */

static int stat_version(const uint8_t *stat)
{
    return (int)sup_be32(stat + 32);
}

static int number_in(const uint8_t *p, size_t len)
{
    int n = 0;
    for (size_t i = 0; i < len && i < 9 && p[i] >= '0' && p[i] <= '9'; i++)
        n = n * 10 + p[i] - '0';
    return n;
}

static struct watched *watched_at(struct client *c, int path)
{
    for (int i = 0; i < WATCHED; i++)
        if (c->role == WATCHER && c->watched[i].path == path)
            return &c->watched[i];
    return NULL;
}

static void saw(struct world *w, struct client *c, const struct request *r, int n, int version)
{
    struct watched *x = watched_at(c, r->path);
    oracle_shown(w, c->number, r->path, r->floors[r->path], n, version);
    if (x != NULL && n > x->known)
        x->known = n;
}

int ask_data(const uint8_t *body, size_t len, int *version)
{
    size_t n = sup_be32(body);
    *version = stat_version(body + 4 + n);
    return number_in(body + 4, n < len ? n : len);
}

static void data_came(struct world *w, struct client *c, const struct request *r, const uint8_t *body,
                      size_t len)
{
    size_t n = len >= 4 ? sup_be32(body) : 0;
    int version;
    if (len != 4 + n + PK_STAT_LEN) {
        world_wrong(w, "client %d: data of another length than its Stat says", c->number);
        return;
    }
    int shown = ask_data(body, len, &version);
    saw(w, c, r, shown, version);
    if (c->role == FOLLOWER)
        follow_read(w, c, r, shown);
}

static bool names(const uint8_t *body, size_t len, const char *name)
{
    int64_t n = sup_be32(body);
    const uint8_t *p = body + 4, *end = body + len;
    for (; n > 0 && end - p >= 4; n--) {
        uint32_t l = sup_be32(p);
        if (l == strlen(name) && memcmp(p + 4, name, l) == 0)
            return true;
        p += 4 + l;
    }
    return false;
}

/* Counters of one znode do not go back, but for memory that went since the answer before was asked for. */
static void counters_came(struct world *w, struct client *c, uint32_t asked_era, const uint8_t *stat)
{
    struct counters now = {asked_era,
                           (int64_t)sup_be64(stat),
                           (int64_t)sup_be64(stat + 60),
                           (int)sup_be32(stat + 36),
                           (int)sup_be32(stat + 56),
                           w->now_us};
    const struct counters *was = &c->counters;
    bool same = was->era == oracle_floor(w, 0, c->number).era && was->czxid == now.czxid;
    if (same && (now.cversion < was->cversion || now.pzxid < was->pzxid))
        world_wrong(w, "(h) client %d: cversion %d and pzxid %#llx of %s, had %d and %#llx", c->number,
                    now.cversion, (unsigned long long)now.pzxid, parent, was->cversion,
                    (unsigned long long)was->pzxid);
    c->counters = now;
}

static void list_came(struct world *w, struct client *c, const struct request *r, int err,
                      const uint8_t *body, size_t len)
{
    if (err == 0 && r->op == PK_OP_GET_CHILDREN2 && len >= 4 + PK_STAT_LEN)
        counters_came(w, c, r->floors[0].era, body + len - PK_STAT_LEN);
    ask_list(w, c, r, err, body, len);
}

void ask_list(struct world *w, struct client *c, const struct request *r, int err, const uint8_t *body,
              size_t len)
{
    for (int i = 0; i < ORACLE_PATHS; i++) {
        const char *path = oracle_paths[i].path;
        if (strncmp(path, parent, PARENT_LEN) != 0)
            continue;
        bool there = err == 0 && names(body, len, path + PARENT_LEN + 1);
        if (!there)
            oracle_shown(w, c->number, i, r->floors[i], ABSENT, -1);
        if (c->role == FOLLOWER)
            follow_listed(c, i, there);
    }
}

static void write_came(struct world *w, struct client *c, const struct request *r, int err,
                       const uint8_t *body)
{
    bool creates = r->op == PK_OP_CREATE || r->op == PK_OP_CREATE2;
    if (r->op == PK_OP_MULTI && err == 0) { /* of one setData */
        err = sup_be32(body) == UINT32_MAX ? (int)sup_be32(body + PK_MULTI_HEADER) : 0;
        body += PK_MULTI_HEADER;
    }
    if (err == 0) {
        bool has_stat = r->op == PK_OP_SET_DATA || r->op == PK_OP_MULTI;
        oracle_acked(w, r->path, r->n, has_stat ? stat_version(body) : creates ? 0 : -1);
        if (r->op == PK_OP_DELETE)
            c->absent = NO_ZNODE;
        return;
    }
    bool certain = oracle_settled(w, r->path, r->floors[r->path]);
    if (err == PK_Z_NODE_EXISTS && creates && certain && oracle_removed_before(w, r->path, r->n))
        world_wrong(w, "(b) client %d: the only writer of %s, who has removed it, is told NODEEXISTS",
                    c->number, oracle_paths[r->path].path);
    oracle_refused(w, r->path, r->n);
    if (err == PK_Z_NO_NODE) {
        oracle_shown(w, c->number, r->path, r->floors[r->path], ABSENT, -1);
        c->absent = creates ? NO_PARENT : NO_ZNODE;
    } else if (err == PK_Z_BAD_VERSION && r->conditional && certain) {
        world_wrong(w, "(b) client %d: the only writer of %s is told BADVERSION", c->number,
                    oracle_paths[r->path].path);
    } else if (err != PK_Z_BAD_VERSION && err != PK_Z_NODE_EXISTS &&
               !(err == PK_Z_NO_AUTH && foreign_here(w, r->path))) {
        world_wrong(w, "client %d: type %d of %s is answered %d", c->number, r->op,
                    oracle_paths[r->path].path, err);
    }
}

static void other_came(struct world *w, struct client *c, const struct request *r, int err)
{
    bool fine = err == 0 || err == PK_Z_NODE_EXISTS || err == PK_Z_NO_NODE;
    if (r->locks && err == 0)
        c->locked = c->session;
    if (!fine)
        world_wrong(w, "client %d: type %d is answered %d", c->number, r->op, err);
}

static void answer_came(struct world *w, struct client *c, const struct request *r, int err,
                        const uint8_t *body, size_t len)
{
    struct watched *x = watched_at(c, r->path);
    if (x != NULL && (r->op == PK_OP_GET_DATA || r->op == PK_OP_EXISTS)) {
        x->asked = false;
        x->set = err == 0 ? r->op == PK_OP_GET_DATA : r->op == PK_OP_EXISTS;
        x->absent = err != 0 && !w->insists;
    }
    if (c->role == FOLLOWER)
        follow_came(w, c, r, err);
    if (r->n > 0)
        write_came(w, c, r, err, body);
    else if (r->op == PK_OP_GET_CHILDREN2 || r->op == PK_OP_GET_CHILDREN)
        list_came(w, c, r, err, body, len);
    else if (gather_came(w, c, r, err, body, len) || numbered_came(w, c, r, err, body, len))
        return;
    else if (r->path < 0)
        other_came(w, c, r, err);
    else if (err == PK_Z_NO_NODE) {
        saw(w, c, r, ABSENT, -1);
        if (c->role == FOLLOWER)
            follow_read(w, c, r, ABSENT);
    } else if (err == 0 && r->op == PK_OP_GET_DATA)
        data_came(w, c, r, body, len);
    else if (err != 0)
        world_wrong(w, "client %d: a read is answered %d", c->number, err);
}

static void event_came(struct world *w, struct client *c, const uint8_t *body)
{
    size_t len = sup_be32(body + 8);
    world_trace(w, "client %d: event %d of %.*s", c->number, (int)sup_be32(body), (int)len,
                (const char *)body + 12);
    if (c->role == FOLLOWER)
        follow_told(w, c, body + 12, len);
    for (int i = 0; i < WATCHED && c->role == WATCHER; i++) {
        struct watched *x = &c->watched[i];
        const char *path = oracle_paths[x->path].path;
        if (len == strlen(path) && memcmp(body + 12, path, len) == 0) {
            x->set = false;
            x->absent = sup_be32(body) == PK_EVENT_DELETED;
            x->told_us = w->now_us;
            c->act_us = 0;
        }
    }
}

void ask_answered(struct world *w, struct client *c, int xid, const uint8_t *p, size_t len)
{
    int err = (int)sup_be32(p + 12);
    if (xid == PK_XID_NOTIFICATION) {
        event_came(w, c, p + 16);
        return;
    }
    if (c->first == c->last || c->requests[c->first % REQUESTS].xid != xid) {
        world_wrong(w, "client %d: xid %d is answered instead of %d", c->number, xid,
                    c->first == c->last ? 0 : c->requests[c->first % REQUESTS].xid);
        return;
    }
    struct request r = c->requests[c->first++ % REQUESTS];
    c->answered_us = w->now_us;
    c->answers++;
    if (c->role == WATCHER || w->trace_all)
        world_trace(w, "client %d: type %d of %s is answered %d", c->number, r.op,
                    r.path >= 0 ? oracle_paths[r.path].path : "-", err);
    answer_came(w, c, &r, err, p + 16, len - 16);
}

void ask_lost(struct world *w, struct client *c)
{
    for (int i = 0; i < ORACLE_PATHS; i++)
        if (oracle_paths[i].writer == c->number)
            oracle_uncertain(w, i);
    for (int i = 0; i < WATCHED; i++)
        c->watched[i].asked = false;
    c->numbered.asked = false;
    follow_lost(c);
}

void ask_again(struct world *w, struct client *c)
{
    struct sup_buf b = {0};
    if (c->role == FOLLOWER)
        follow_again(w, c);
    if (c->role != WATCHER)
        return;
    struct request *r = ask_add(w, c, PK_OP_SET_WATCHES, -1);
    size_t mark = wire_begin(&b, r->xid, PK_OP_SET_WATCHES);
    sup_long(&b, c->zxid);
    for (int absent = 0; absent < 2; absent++) {
        int n = 0;
        for (int i = 0; i < WATCHED; i++)
            n += c->watched[i].set && c->watched[i].absent == absent;
        sup_int(&b, n);
        for (int i = 0; i < WATCHED; i++)
            if (c->watched[i].set && c->watched[i].absent == absent)
                sup_str(&b, oracle_paths[c->watched[i].path].path);
    }
    sup_int(&b, 0);
    wire_end(&b, mark);
    client_write(w, c, &b);
    sup_buf_free(&b);
}

void ask_expired(struct world *w, struct client *c)
{
    c->counters = (struct counters){0};
    c->following = (struct following){0};
    c->locked = 0;
    for (int i = 0; i < WATCHED; i++) {
        c->watched[i].path = i == 0 ? 8 : w->insists ? INSISTED : 5;
        c->watched[i].set = c->watched[i].asked = c->watched[i].absent = false;
    }
}
