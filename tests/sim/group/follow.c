/*
 * Followers (follow.h).
 *
 * Happy path: its watches are set, it reads what they are on, and again whatever an event names.
 * Failure modes: data that it never came to know are findings; where memory puts nothing newer into the answers of a
 * server that lags, so are those that are newer than the last ones without an event between them.
 */
#include "follow.h"

#include "ask.h"
#include "foreign.h"
#include "tests/sim/wire.h"

enum { FIRST = 1, SECOND = 8 /* what it follows by lasting watches */ };

static bool follows(const struct world *w, int path)
{
    if (w->follows == FOLLOWS_PATHS)
        return path == FIRST || path == SECOND;
    return strncmp(oracle_paths[path].path, ASK_PARENT "/", sizeof ASK_PARENT) == 0;
}

bool follow_lasts(const struct world *w, const struct client *c)
{
    return c->role == FOLLOWER && w->follows != FOLLOWS_LIST;
}

/* ---- requests -------------------------------------------------------------------------------------------- */

static void watch_one(struct world *w, struct client *c, struct sup_buf *b, const char *path)
{
    int mode = w->follows == FOLLOWS_ALL ? PK_WATCH_PERSISTENT_RECURSIVE : PK_WATCH_PERSISTENT;
    c->following.asked++;
    wire_add_watch(b, ask_add(w, c, PK_OP_ADD_WATCH, -1)->xid, path, mode);
}

static void begin(struct world *w, struct client *c, struct sup_buf *b)
{
    if (w->follows == FOLLOWS_LIST) {
        c->following.asked++;
        wire_read(b, ask_add(w, c, PK_OP_GET_CHILDREN2, -1)->xid, PK_OP_GET_CHILDREN2, ASK_PARENT, true);
    } else if (w->follows == FOLLOWS_ALL) {
        watch_one(w, c, b, ASK_PARENT);
    } else {
        watch_one(w, c, b, oracle_paths[FIRST].path);
        watch_one(w, c, b, oracle_paths[SECOND].path);
    }
}

static int next_dirty(const struct client *c)
{
    for (int i = 0; i < ORACLE_PATHS; i++)
        if (c->following.of[i].dirty)
            return i;
    return -1;
}

void follow_ask(struct world *w, struct client *c, struct sup_buf *b)
{
    struct following *f = &c->following;
    int path = next_dirty(c);
    if (!f->standing && f->asked == 0)
        begin(w, c, b);
    if (!f->standing || path < 0)
        return;
    f->of[path].dirty = false;
    wire_read(b, ask_add(w, c, PK_OP_GET_DATA, path)->xid, PK_OP_GET_DATA, oracle_paths[path].path, false);
    if (next_dirty(c) >= 0)
        c->act_us = w->now_us;
}

/* ---- answers and events ---------------------------------------------------------------------------------- */

static void read_all(struct world *w, struct client *c)
{
    for (int i = 0; i < ORACLE_PATHS; i++)
        c->following.of[i].dirty = follows(w, i);
    c->act_us = 0;
}

void follow_came(struct world *w, struct client *c, const struct request *r, int err)
{
    struct following *f = &c->following;
    bool watches = r->op == PK_OP_ADD_WATCH || r->op == PK_OP_GET_CHILDREN2;
    if (watches && --f->asked == 0)
        f->standing = err == 0;
    if (follow_lasts(w, c) && ((watches && f->standing) || r->op == PK_OP_SET_WATCHES2))
        read_all(w, c);
}

void follow_read(struct world *w, struct client *c, const struct request *r, int n)
{
    struct followed *x = &c->following.of[r->path];
    if (follow_lasts(w, c) && x->steady && n > x->known && !x->told && !oracle_paths[r->path].memory)
        world_wrong(w, "(k) client %d is shown write %d of %s after %d without an event", c->number, n,
                    oracle_paths[r->path].path, x->known);
    x->absent = n == ABSENT;
    if (n > x->known)
        x->known = n;
    x->told = x->dirty;
    x->steady = true;
}

void follow_listed(struct client *c, int path, bool there)
{
    c->following.of[path].absent = !there;
}

void follow_told(struct world *w, struct client *c, const uint8_t *path, size_t len)
{
    if (w->follows == FOLLOWS_LIST)
        c->following.standing = false;
    for (int i = 0; i < ORACLE_PATHS && w->follows != FOLLOWS_LIST; i++)
        if (follows(w, i) && len == strlen(oracle_paths[i].path) &&
            memcmp(path, oracle_paths[i].path, len) == 0)
            c->following.of[i].dirty = c->following.of[i].told = true;
    c->act_us = 0;
}

void follow_lost(struct client *c)
{
    c->following.asked = 0;
    for (int i = 0; i < ORACLE_PATHS; i++)
        c->following.of[i].steady = c->following.of[i].told = false;
}

void follow_again(struct world *w, struct client *c)
{
    struct sup_buf b = {0};
    bool list = w->follows == FOLLOWS_LIST, all = w->follows == FOLLOWS_ALL;
    if (!c->following.standing)
        return;
    struct request *r = ask_add(w, c, PK_OP_SET_WATCHES2, -1);
    size_t mark = wire_begin(&b, r->xid, PK_OP_SET_WATCHES2);
    sup_long(&b, c->zxid);
    sup_int(&b, 0);
    sup_int(&b, 0);
    sup_int(&b, list);
    if (list)
        sup_str(&b, ASK_PARENT);
    sup_int(&b, list || all ? 0 : 2);
    if (!list && !all) {
        sup_str(&b, oracle_paths[FIRST].path);
        sup_str(&b, oracle_paths[SECOND].path);
    }
    sup_int(&b, all);
    if (all)
        sup_str(&b, ASK_PARENT);
    wire_end(&b, mark);
    client_write(w, c, &b);
    sup_buf_free(&b);
}

/* ---- the end --------------------------------------------------------------------------------------------- */

void follow_ends(struct world *w, const struct client *c, int64_t until_us)
{
    for (int i = 0; c->role == FOLLOWER && i < ORACLE_PATHS; i++) {
        const struct followed *x = &c->following.of[i];
        int newest = oracle_acked_before(w, i, until_us);
        bool removed = oracle_removes(w, i, newest);
        if (!follows(w, i) || foreign_here(w, i))
            continue;
        if (w->follows == FOLLOWS_LIST ? x->absent != removed && oracle_is_newest(w, i, newest)
                                       : x->known < newest && !(x->absent && removed))
            world_wrong(w,
                        "(e) the follower knows write %d of %s, %s, %d was acknowledged: an event was lost",
                        x->known, oracle_paths[i].path, x->absent ? "absent" : "there", newest);
    }
}
